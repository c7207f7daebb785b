//! Keys that are hashes already, so that a map need not hash them again.

use std::hash::Hasher;

/// Takes the last number that it is given for the hash. Only for keys that were hashed with a random key: of others,
/// whoever makes them up could have them all collide.
#[derive(Debug, Default)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write_u128(&mut self, number: u128) {
        // The lower half is as random as the whole.
        self.0 = u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::BuildHasherDefault;

    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let mut map: HashMap<u128, u32, BuildHasherDefault<Hashed>> = HashMap::default();
        for n in 0..1000_u32 {
            // The same lower half for all.
            map.insert(u128::from(n) << 64, n);
        }
        assert!((0..1000_u32).all(|n| map.get(&(u128::from(n) << 64)) == Some(&n)));
    }
}
