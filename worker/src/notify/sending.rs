//! What a stage is sending at this moment.
//!
//! Results are stored together. Waiting for more of them makes sense only while something is being sent: when every slot
//! holds a result that waits to be stored, nothing else will come. And where far more was claimed than there are slots, one
//! half of them is better used while the other half is stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Counts the messages that are being sent, and those that were claimed and are not finished.
pub(super) struct Sending {
    under_way: watch::Sender<usize>,
    claimed: AtomicUsize,
}

/// One message that is being sent, as long as this lives.
pub(super) struct Sent<'a>(&'a Sending);

/// So many messages that were claimed, as long as this lives.
pub(super) struct Claims<'a>(&'a Sending, usize);

impl Sending {
    pub(super) fn new() -> Self {
        Self { under_way: watch::Sender::new(0), claimed: AtomicUsize::new(0) }
    }

    /// Counts messages that were claimed together.
    pub(super) fn claims(&self, count: usize) -> Claims<'_> {
        self.claimed.fetch_add(count, Ordering::Relaxed);
        Claims(self, count)
    }

    /// How many messages were claimed and are not finished.
    pub(super) fn claimed(&self) -> usize {
        self.claimed.load(Ordering::Relaxed)
    }

    /// Counts one.
    pub(super) fn one(&self) -> Sent<'_> {
        self.change(|count| count + 1);
        Sent(self)
    }

    /// Waits until nothing is being sent.
    pub(super) async fn nothing(&self) {
        // The sender lives as long as `self`, so an error cannot happen.
        drop(self.under_way.subscribe().wait_for(|count| *count == 0).await);
    }

    /// Wakes those who wait only when there is nothing left.
    fn change(&self, change: impl FnOnce(usize) -> usize) {
        self.under_way.send_if_modified(|count| {
            *count = change(*count);
            *count == 0
        });
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        self.0.claimed.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.0.change(|count| count.saturating_sub(1));
    }
}
