//! Our own Argon2id: several independent hashes in lockstep on one core.
//!
//! One hash of 19 MiB spends about half of its time waiting for memory: which block comes next is known only when the one
//! before is finished, and it lies anywhere in the arena. So one thread computes a block of this hash and then a block of
//! the next one, whose bytes were asked for meanwhile. And the arena keeps its blocks in the order in which the vectors
//! of the compression want them, so that nothing is shuffled on the way in and out (`avx512.rs` says how).
//!
//! * `arena.rs`: the memory of one hash. `position.rs`: which block is made of which.
//! * `avx512.rs`, `avx2.rs`: the compression. `frame.rs`: how passwords become first blocks and last blocks tags.
//!
//! Argon2id as RFC 9106 has it, version 0x13, one lane, no secret and no associated data.

mod arena;
mod avx2;
mod avx512;
mod frame;
mod position;

use keybell_shared::config::Hashing;

use crate::engine::{Engine, Input, Tag};
use crate::error::HashError;
use arena::{Arena, Block};
pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;
use position::{Position, Shape};

/// An instruction set with a compression of its own. A value of it is the proof that the processor has it.
pub(crate) trait Isa: Copy + Send + 'static {
    /// How many hashes in lockstep are fastest.
    const WIDTH: usize;

    /// The proof, if this processor has the instructions.
    fn detect() -> Option<Self>;

    /// Where the arena keeps word number `word` of a block.
    fn place(word: usize) -> usize;

    /// `target = G(previous, reference)`, or with `over` `target ^= G(previous, reference)`.
    fn compress(self, previous: &Block, reference: &Block, target: &mut Block, over: bool);
}

/// An engine of this instruction set.
pub(crate) fn engine<I: Isa>(isa: I, cost: &Hashing) -> Result<Interleaved<I>, HashError> {
    Interleaved::new(isa, cost, I::WIDTH)
}

/// Argon2id, up to `width` hashes in lockstep.
pub(crate) struct Interleaved<I> {
    isa: I,
    cost: Hashing,
    shape: Shape,
    /// The references of the first two slices: they depend on the cost alone, so they are computed once.
    independent: Vec<u32>,
    arenas: Vec<Arena>,
}

impl<I: Isa> Interleaved<I> {
    /// Takes memory for `width` hashes.
    pub(crate) fn new(isa: I, cost: &Hashing, width: usize) -> Result<Self, HashError> {
        let shape = Shape::new(cost)?;
        let arenas = (0..width.max(1)).map(|_| Arena::new(shape.blocks())).collect::<Result<_, _>>()?;
        Ok(Self { isa, cost: *cost, shape, independent: position::independent(isa, &shape), arenas })
    }

    /// Fills the arenas, a block of each in turn. Their first two blocks are there.
    fn fill(isa: I, shape: &Shape, independent: &[u32], arenas: &mut [Arena]) {
        let mut references = independent.iter().skip(2).copied().peekable();
        let mut target = 2;
        while let Some(reference) = references.next() {
            let next = references.peek().copied();
            for arena in &mut *arenas {
                arena.step(isa, target - 1, reference, target, false);
                if let Some(next) = next {
                    arena.prefetch(next);
                }
            }
            target += 1;
        }
        let mut position = Some(Position::first_dependent(shape));
        let mut references: Vec<u32> = arenas
            .iter()
            .map(|arena| Position::first_dependent(shape).reference(arena.first_word(target - 1)))
            .collect();
        while let Some(here) = position {
            let following = here.following(shape);
            for (arena, reference) in arenas.iter_mut().zip(&mut references) {
                arena.step(isa, here.previous(), *reference, here.target(), here.is_over());
                if let Some(following) = following {
                    *reference = following.reference(arena.first_word(here.target()));
                    arena.prefetch(*reference);
                }
            }
            position = following;
        }
    }
}

impl<I: Isa> Engine for Interleaved<I> {
    fn width(&self) -> usize {
        self.arenas.len()
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        let Self { isa, cost, shape, independent, arenas } = self;
        let Some(arenas) = arenas.get_mut(..inputs.len()) else {
            return Err(HashError::Engine(format!("{} hashes at a time are too many", inputs.len())));
        };
        for (arena, input) in arenas.iter_mut().zip(inputs) {
            frame::begin::<I>(cost, *input, arena);
        }
        Self::fill(*isa, shape, independent, arenas);
        Ok(arenas.iter().map(|arena| frame::end::<I>(arena)).collect())
    }

    fn lend(&mut self) -> Option<&mut [argon2::Block]> {
        self.arenas.first_mut().map(Arena::lend)
    }
}

#[cfg(test)]
mod tests;
