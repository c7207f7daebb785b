//! How many messages are claimed ahead of their sending.
//!
//! A claim is a lease. What waits behind a slow server for longer than that was claimed in vain: its sending is given up
//! for lack of time, and it starts anew. So no more is claimed than can be sent, at the pace of late, in half the time that
//! the lease leaves for waiting.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Claims per connection as long as nothing was sent yet.
const AT_FIRST: usize = 4;

/// The claims of one stage that are not sent yet.
pub(super) struct Ahead {
    connections: usize,
    /// How long a claimed message may wait before it is sent.
    waiting: Duration,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    claimed: usize,
    /// How long one sending takes: an average in which the last one counts for a quarter.
    pace: Option<Duration>,
}

/// The right to claim one message, held until it was sent.
pub(super) struct Place<'a>(&'a Ahead);

impl Ahead {
    /// `cut` is the time that one sending may take of the lease.
    pub(super) fn new(connections: usize, lease: Duration, cut: Duration) -> Self {
        let waiting = lease.saturating_sub(cut) / 2;
        Self { connections: connections.max(1), waiting, state: Mutex::default(), freed: Notify::new() }
    }

    /// Waits until something may be claimed. Answers between one and `wanted` places.
    pub(super) async fn take(&self, wanted: usize) -> Vec<Place<'_>> {
        loop {
            // Made before looking, so that no place is freed unnoticed in between.
            let freed = self.freed.notified();
            let places = self.free(wanted.max(1));
            if !places.is_empty() {
                return places;
            }
            freed.await;
        }
    }

    /// One message was sent, whatever the answer, and took this long.
    pub(super) fn sent(&self, took: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pace = Some(state.pace.map_or(took, |pace| (pace * 3 + took) / 4));
    }

    /// What is free now, at most `wanted`.
    fn free(&self, wanted: usize) -> Vec<Place<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let each = state.pace.map_or(AT_FIRST, |pace| {
            usize::try_from(self.waiting.as_micros() / pace.as_micros().max(1)).unwrap_or(usize::MAX).max(1)
        });
        let places = self.connections.saturating_mul(each).saturating_sub(state.claimed).min(wanted);
        state.claimed += places;
        (0..places).map(|_| Place(self)).collect()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).claimed -= 1;
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn no_more_is_claimed_than_can_be_sent_in_time() {
        // 10 s are left for waiting.
        let ahead = Ahead::new(4, Duration::from_secs(45), Duration::from_secs(25));
        assert_eq!(ahead.take(256).await.len(), 16, "nobody knows how fast the server is");
        ahead.sent(Duration::from_secs(5));
        assert_eq!(ahead.take(256).await.len(), 8);
        for _ in 0..100 {
            ahead.sent(Duration::from_millis(1));
        }
        assert_eq!(ahead.take(256).await.len(), 256);
        for _ in 0..100 {
            ahead.sent(Duration::from_secs(25));
        }
        assert_eq!(ahead.take(256).await.len(), 4, "always one for each connection");
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_was_freed() {
        let ahead = Ahead::new(1, Duration::from_secs(2), Duration::from_secs(1));
        let mut places = ahead.take(3).await;
        places.extend(ahead.take(3).await);
        assert_eq!(places.len(), AT_FIRST);
        let (mut one, mut other) = (Box::pin(ahead.take(2)), Box::pin(ahead.take(2)));
        assert!(one.as_mut().now_or_never().is_none());
        assert!(other.as_mut().now_or_never().is_none());
        places.truncate(1);
        assert_eq!(one.await.len() + other.await.len(), 3);
    }
}
