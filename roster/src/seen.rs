//! What must be remembered across a whole file: ids, as hashes, and one bit per row.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};

use keybell_shared::hashed::Hashed;

/// Which keys have been there. Keeps 64 bits a key, hashed with random keys: within a roster of a million rows the
/// chance that two different keys are taken for the same is one in forty million.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: RandomState,
    keys: HashSet<u64, BuildHasherDefault<Hashed>>,
}

impl Seen {
    /// Remembers a key; answers whether it is new.
    pub(crate) fn insert(&mut self, key: &str) -> bool {
        self.keys.insert(self.state.hash_one(key))
    }

    /// Whether a key has been there.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.keys.contains(&self.state.hash_one(key))
    }
}

/// Makes keys for joining two files. Twice 64 bits, since a mixed-up pair would give one person another one's roles.
#[derive(Debug, Default)]
pub(crate) struct JoinKey(RandomState, RandomState);

impl JoinKey {
    /// The key of an id.
    pub(crate) fn of(&self, id: &str) -> u128 {
        (u128::from(self.0.hash_one(id)) << 64) | u128::from(self.1.hash_one(id))
    }
}

/// One bit per row.
#[derive(Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Sets the bit of a row.
    pub(crate) fn set(&mut self, row: usize) {
        let word = row / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (row % 64);
        }
    }

    /// Whether the bit of a row is set.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_keep_rows_apart() {
        let mut bits = Bits::default();
        for row in [0, 63, 64, 1000] {
            bits.set(row);
        }
        let set: Vec<usize> = (0..2000).filter(|row| bits.has(*row)).collect();
        assert_eq!(set, [0, 63, 64, 1000]);
    }
}
