//! What a stage is sending at this moment.
//!
//! Results are stored together. Waiting for more of them makes sense only while something is being sent: when every slot
//! holds a result that waits to be stored, nothing else will come.

use tokio::sync::watch;

/// Counts the messages that are being sent.
pub(super) struct Sending(watch::Sender<usize>);

/// One message that is being sent, as long as this lives.
pub(super) struct Sent<'a>(&'a Sending);

impl Sending {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one.
    pub(super) fn one(&self) -> Sent<'_> {
        self.change(|count| count + 1);
        Sent(self)
    }

    /// Waits until nothing is being sent.
    pub(super) async fn nothing(&self) {
        // The sender lives as long as `self`, so an error cannot happen.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }

    /// Wakes those who wait only when there is nothing left.
    fn change(&self, change: impl FnOnce(usize) -> usize) {
        self.0.send_if_modified(|count| {
            *count = change(*count);
            *count == 0
        });
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.0.change(|count| count.saturating_sub(1));
    }
}
