//! What a stage is sending at this moment.
//!
//! Results are stored together. Waiting for more of them makes sense only while something is being sent: when every slot
//! holds a result that waits to be stored, nothing else will come. And waiting for the last few makes no sense while
//! messages wait for the slots that the first ones hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Counts the messages that are being sent, and those that wait for a slot.
pub(super) struct Sending {
    under_way: watch::Sender<usize>,
    waiting: AtomicUsize,
}

/// One message that is being sent, as long as this lives.
pub(super) struct Sent<'a>(&'a Sending);

/// One message that waits for a slot, as long as this lives.
pub(super) struct Waits<'a>(&'a Sending);

impl Sending {
    pub(super) fn new() -> Self {
        Self { under_way: watch::Sender::new(0), waiting: AtomicUsize::new(0) }
    }

    /// Counts one that has to wait for a slot.
    pub(super) fn waits(&self) -> Waits<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }

    /// Whether a message waits for a slot.
    pub(super) fn is_short_of_slots(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
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

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.0.change(|count| count.saturating_sub(1));
    }
}
