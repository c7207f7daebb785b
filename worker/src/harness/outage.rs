//! One log line when something goes down, one when it is back, and growing waits in between.

use std::time::Duration;

use keybell_shared::ports::queue::Source;
use keybell_shared::retry::{RetryPolicy, delay_after};
use tracing::{debug, info, warn};

/// The waits between two tries.
const WAITS: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), multiplier: 2.0, max: Duration::from_secs(5), jitter: 0.3 };

/// What is down; it decides what counts as being back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The broker: back when a consumer has lived for a while.
    Broker,
    /// What a handler needs, the ledger above all: back when a batch was settled.
    Ledger,
}

/// Whether one source is down, and since how many tries.
pub(super) struct Outage {
    source: Source,
    open: Option<Kind>,
    tries: u32,
}

impl Outage {
    pub(super) const fn new(source: Source) -> Self {
        Self { source, open: None, tries: 0 }
    }

    /// Notes a failed try; only the first of an outage is logged as a warning.
    pub(super) fn begin(&mut self, kind: Kind, reason: &str) {
        self.tries = self.tries.saturating_add(1);
        if self.open.replace(kind).is_none() {
            warn!(source = ?self.source, reason, "stopped consuming; trying again until it works");
        } else {
            debug!(source = ?self.source, reason, tries = self.tries, "still not working");
        }
    }

    /// A consumer has lived for a while.
    pub(super) fn consumer_lives(&mut self) {
        if self.open != Some(Kind::Ledger) {
            self.settled();
        }
    }

    /// A batch was settled.
    pub(super) fn settled(&mut self) {
        if self.open.take().is_some() {
            info!(source = ?self.source, tries = self.tries, "consuming again");
        }
        self.tries = 0;
    }

    /// The wait before the next try.
    pub(super) fn pause(&self) -> Duration {
        delay_after(self.tries.max(1), &WAITS)
    }

    #[cfg(test)]
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_back_when_a_batch_was_settled_and_waits_grow() {
        let mut outage = Outage::new(Source::Dead);
        let first = outage.pause();
        assert!(first >= Duration::from_millis(140) && first <= Duration::from_millis(260), "{first:?}");
        for _ in 0..10 {
            outage.begin(Kind::Ledger, "down");
        }
        outage.consumer_lives();
        assert!(outage.is_open(), "a consumer says nothing about the ledger");
        assert!(outage.pause() >= Duration::from_secs(3));
        outage.settled();
        assert!(!outage.is_open());
        outage.begin(Kind::Broker, "down");
        outage.consumer_lives();
        assert!(!outage.is_open());
        assert!(outage.pause() <= Duration::from_millis(260));
    }
}
