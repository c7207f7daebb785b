//! Hashing is waiting: for measurements of everything else. What it answers opens no account.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::engine::{Engine, Input, TAG, Tag};
use crate::error::HashError;

/// Waits instead of hashing.
pub(crate) struct Simulated {
    each: Duration,
}

impl Simulated {
    /// Waits this long for each hash.
    pub(crate) const fn new(each: Duration) -> Self {
        Self { each }
    }
}

impl Engine for Simulated {
    fn width(&self) -> usize {
        1
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let one = |_: &Input<'_>| {
            if !self.each.is_zero() {
                thread::sleep(self.each);
            }
            let mut tag = [0; TAG];
            let count = COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            tag.iter_mut().zip(count).for_each(|(to, from)| *to = from);
            Ok(tag)
        };
        inputs.iter().map(one).collect()
    }
}
