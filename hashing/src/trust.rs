//! Whether the fast engine is trusted; shared by all threads of a pool.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keybell_shared::metrics;
use tracing::error;

use crate::backend::Backend;

/// One in this many hashes of the fast engine is checked by the reference.
pub(crate) const CHECKED: u64 = 1000;

/// The trust in the fast engine. Once lost it does not come back before the process starts again.
#[derive(Debug)]
pub(crate) struct Trust {
    backend: Backend,
    lost: AtomicBool,
    count: AtomicU64,
    /// One in this many is checked; 0 for none.
    every: u64,
}

impl Trust {
    /// Trust in an engine that passed the self-test.
    pub(crate) fn new(backend: Backend) -> Self {
        Self { backend, lost: AtomicBool::new(false), count: AtomicU64::new(0), every: CHECKED }
    }

    /// Whether it still stands.
    pub(crate) fn holds(&self) -> bool {
        !self.lost.load(Ordering::Relaxed)
    }

    /// Counts a hash. Answers whether it is one that is to be checked.
    pub(crate) fn is_checked(&self) -> bool {
        self.every > 0 && self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }

    /// Switches the fast engine off, loudly.
    pub(crate) fn lose(&self, reason: &str) {
        if !self.lost.swap(true, Ordering::Relaxed) {
            metrics::get().worker.hash_distrusted.set(1);
            error!(
                reason,
                backend = self.backend.as_str(),
                "THE FAST HASHING ENGINE IS SWITCHED OFF; the slower reference engine goes on. Passwords hashed by this \
                 process may not open their accounts: reset them again, and report the processor"
            );
        }
    }
}

#[cfg(feature = "simulated")]
impl Trust {
    /// Trust in what is not an engine at all, and is never checked.
    pub(crate) fn blind() -> Self {
        Self { every: 0, ..Self::new(Backend::Reference) }
    }
}
