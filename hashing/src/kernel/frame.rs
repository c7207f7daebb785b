//! The two ends of a hash: a password becomes the first blocks, the last block becomes the tag (RFC 9106 §3.2, §3.3).

use blake2::digest::consts::U32;
use blake2::{Blake2b, Blake2b512, Digest as _};
use keybell_shared::config::Hashing;
use zeroize::{Zeroize as _, Zeroizing};

use super::Isa;
use super::arena::{Arena, Block, WORDS};
use super::position::ARGON2ID;
use crate::engine::{Input, TAG, Tag, VERSION};

/// Bytes of a block.
const BLOCK: usize = WORDS * size_of::<u64>();
/// Bytes of a full BLAKE2b hash.
const FULL: usize = 64;

/// Sets the first two blocks.
pub(super) fn begin<I: Isa>(cost: &Hashing, input: Input<'_>, arena: &mut Arena) {
    let seed = seed(cost, input);
    let mut bytes = Zeroizing::new([0; BLOCK]);
    for column in 0..2_u32 {
        stretch(&seed, column, &mut bytes);
        let block = arena.block_mut(column as usize);
        for (word, chunk) in bytes.as_chunks().0.iter().enumerate() {
            block.set(I::place(word), u64::from_le_bytes(*chunk));
        }
    }
}

/// The tag, out of the last block.
pub(super) fn end<I: Isa>(arena: &Arena) -> Tag {
    let last: &Block = arena.last();
    let mut hasher = Blake2b::<U32>::new();
    hasher.update(length(TAG));
    for word in 0..WORDS {
        hasher.update(last.word(I::place(word)).to_le_bytes());
    }
    hasher.finalize().into()
}

/// H0: everything that the hash depends on.
fn seed(cost: &Hashing, input: Input<'_>) -> Zeroizing<[u8; FULL]> {
    let mut hasher = Blake2b512::new();
    for number in [cost.lanes, TAG_LENGTH, cost.memory_kib, cost.passes, VERSION, ARGON2ID] {
        hasher.update(number.to_le_bytes());
    }
    for bytes in [input.password, input.salt, b"", b""] {
        hasher.update(length(bytes.len()));
        hasher.update(bytes);
    }
    let mut hash = hasher.finalize();
    let seed = Zeroizing::new(hash.into());
    hash.0.zeroize();
    seed
}

#[expect(clippy::cast_possible_truncation, reason = "32")]
const TAG_LENGTH: u32 = TAG as u32;

/// A length, as the RFC writes it.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// H', the hash with long output: the first blocks out of the seed.
fn stretch(seed: &[u8; FULL], column: u32, out: &mut [u8; BLOCK]) {
    let mut hasher = Blake2b512::new();
    hasher.update(length(BLOCK));
    hasher.update(seed);
    hasher.update(column.to_le_bytes());
    // The lane.
    hasher.update(0_u32.to_le_bytes());
    let mut hash = hasher.finalize();
    let (halves, _) = out.as_chunks_mut::<{ FULL / 2 }>();
    let last = halves.len() - 2;
    for (number, half) in halves.iter_mut().enumerate() {
        let from = if number > last { FULL / 2 } else { 0 };
        for (to, byte) in half.iter_mut().zip(hash.iter().skip(from)) {
            *to = *byte;
        }
        // The last hash is used in full.
        if number < last {
            hash = Blake2b512::digest(hash);
        }
    }
    hash.0.zeroize();
}
