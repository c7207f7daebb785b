//! Which block is made of which: RFC 9106 §3.3 and §3.4, for one lane.

use keybell_shared::config::Hashing;

use super::Isa;
use super::arena::{Block, WORDS};
use crate::error::HashError;

/// Slices of a pass.
const SLICES: usize = 4;
/// Argon2id's number.
pub(super) const ARGON2ID: u32 = 2;

/// The shape of the memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Blocks of a slice.
    segment: usize,
    passes: usize,
}

impl Shape {
    /// The shape of a cost.
    ///
    /// # Errors
    /// When it has more lanes than one, or is too small.
    pub(super) fn new(cost: &Hashing) -> Result<Self, HashError> {
        if cost.lanes != 1 {
            return Err(HashError::Cost(format!("this engine computes one lane, not {}", cost.lanes)));
        }
        if cost.memory_kib < 8 || cost.passes < 1 {
            return Err(HashError::Cost("less than 8 KiB of memory or one pass".to_owned()));
        }
        Ok(Self { segment: cost.memory_kib as usize / SLICES, passes: cost.passes as usize })
    }

    /// Blocks in all; the RFC's m' and, with one lane, its q.
    pub(super) const fn blocks(&self) -> usize {
        self.segment * SLICES
    }
}

/// A block that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pass: usize,
    slice: usize,
    /// Within the slice.
    index: usize,
    target: usize,
    previous: usize,
    /// How many blocks may be referred to.
    area: usize,
    /// The first of them.
    start: usize,
    blocks: usize,
}

impl Position {
    fn new(shape: &Shape, pass: usize, slice: usize, index: usize) -> Self {
        let (blocks, segment) = (shape.blocks(), shape.segment);
        let target = slice * segment + index;
        let (area, start) = if pass == 0 {
            (target.saturating_sub(1), 0)
        } else {
            (blocks - segment + index - 1, (slice + 1) % SLICES * segment)
        };
        let previous = target.checked_sub(1).unwrap_or(blocks - 1);
        Self { pass, slice, index, target, previous, area, start, blocks }
    }

    /// The first block whose reference depends on the one before it: that of the third slice.
    pub(super) fn first_dependent(shape: &Shape) -> Self {
        Self::new(shape, 0, SLICES / 2, 0)
    }

    /// The one after it; `None` after the last.
    pub(super) fn following(&self, shape: &Shape) -> Option<Self> {
        let (mut pass, mut slice, mut index) = (self.pass, self.slice, self.index + 1);
        if index == shape.segment {
            (slice, index) = (slice + 1, 0);
        }
        if slice == SLICES {
            (pass, slice) = (pass + 1, 0);
        }
        (pass < shape.passes).then(|| Self::new(shape, pass, slice, index))
    }

    /// Which block it is.
    pub(super) const fn target(&self) -> usize {
        self.target
    }

    /// The block before it.
    pub(super) const fn previous(&self) -> usize {
        self.previous
    }

    /// Whether it is mixed into what an earlier pass left there.
    pub(super) const fn is_over(&self) -> bool {
        self.pass > 0
    }

    /// The block that a pseudo-random word refers to (§3.4.2): recent ones are more likely.
    #[expect(clippy::cast_possible_truncation, reason = "the low half of the word is what the RFC asks for")]
    pub(super) const fn reference(&self, word: u64) -> u32 {
        let random = word & 0xffff_ffff;
        let back = (self.area as u64 * ((random * random) >> 32)) >> 32;
        let mut at = self.start + self.area - 1 - back as usize;
        if at >= self.blocks {
            at -= self.blocks;
        }
        at as u32
    }
}

/// The references of the first two slices of the first pass, by target; the first two entries stand for nothing.
pub(super) fn independent<I: Isa>(isa: I, shape: &Shape) -> Vec<u32> {
    let mut references = Vec::with_capacity(shape.blocks() / 2);
    for slice in 0..SLICES / 2 {
        let mut input = Block::ZERO;
        let head = [0, 0, slice, shape.blocks(), shape.passes, ARGON2ID as usize];
        for (word, value) in head.into_iter().enumerate() {
            input.set(I::place(word), value as u64);
        }
        let mut addresses = Block::ZERO;
        for index in 0..shape.segment {
            if index % WORDS == 0 {
                input.set(I::place(6), (index / WORDS + 1) as u64);
                let mut between = Block::ZERO;
                isa.compress(&Block::ZERO, &input, &mut between, false);
                isa.compress(&Block::ZERO, &between, &mut addresses, false);
            }
            let position = Position::new(shape, 0, slice, index);
            let is_made = position.target >= 2;
            references.push(if is_made { position.reference(addresses.word(I::place(index % WORDS))) } else { 0 });
        }
    }
    references
}
