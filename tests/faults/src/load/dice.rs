//! Draws that belong to a seed and to what is decided, and to nothing else: neither to time nor to what was drawn before.
//! So one seed asks the same of both modes, and of every later version of this program.
//!
//! SplitMix64 of our own, because the streams of a library's generators may change with its versions.

use std::time::Duration;

/// The draws for one decision.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The draws of `seed` for `what`, such as `request alder-2-17`.
    pub(super) fn new(seed: u64, what: &str) -> Self {
        // FNV-1a over the words, so that neighbours are far from each other.
        let mixed = what.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ seed.rotate_left(32), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mixed ^ seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`; 0 for 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % n).unwrap_or_default()
    }

    /// Yes in so many of a hundred cases.
    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// A time of `low` to `high` milliseconds.
    pub(super) fn millis(&mut self, low: usize, high: usize) -> Duration {
        let drawn = low + self.below(high.saturating_sub(low) + 1);
        Duration::from_millis(u64::try_from(drawn).unwrap_or_default())
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// One of these words.
    pub(super) fn word(&mut self, from: &[&'static str]) -> &'static str {
        self.pick(from).copied().unwrap_or_default()
    }

    /// `n` of them, each at most once; all when there are fewer.
    pub(super) fn some<T: Clone>(&mut self, from: &[T], n: usize) -> Vec<T> {
        let mut left = from.to_vec();
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n && !left.is_empty() {
            drawn.push(left.swap_remove(self.below(left.len())));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_always_drawn_alike_and_differs_from_others() {
        let drawn = |seed, what: &str| (0..8).map(|_| 0).scan(Dice::new(seed, what), |dice, _: i32| Some(dice.next()));
        assert!(drawn(7, "request 1").eq(drawn(7, "request 1")));
        assert!(drawn(7, "request 1").ne(drawn(7, "request 2")));
        assert!(drawn(7, "request 1").ne(drawn(8, "request 1")));
        // What a seed means must not change with versions.
        assert_eq!(Dice::new(7, "request 1").below(1000), 151);
    }

    #[test]
    fn draws_are_within_bounds_and_spread() {
        let mut dice = Dice::new(1, "spread");
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[dice.below(10)] += 1;
        }
        assert!(seen.iter().all(|times| (800..1200).contains(times)), "{seen:?}");
        let mut some = dice.some(&(0..50).collect::<Vec<_>>(), 20);
        some.sort_unstable();
        some.dedup();
        assert_eq!(some.len(), 20);
        assert_eq!(dice.some(&[1, 2], 5).len(), 2);
        assert_eq!(dice.below(0), 0);
    }
}
