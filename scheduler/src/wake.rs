//! A nudge from one loop to another, so that work need not wait for the next interval.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes a waiting loop at once. A nudge without a waiter is kept for the next one; several become one.
///
/// A hint only: whoever is woken looks at the ledger, and finds the same work a little later without it.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the loop.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Resolves at the next nudge.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}
