//! One log line when something stops working, one when it works again, and growing pauses in between.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::error::{BoardError, LedgerError, QueueError};
use keybell_shared::problem::Problem;
use keybell_shared::retry::{RetryPolicy, delay_after};

/// The pauses between tries while a service is away: 0.2 s, doubled up to 10 s, so that a returning service is not met
/// by a crowd and is still noticed soon.
const PAUSES: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), multiplier: 2.0, max: Duration::from_secs(10), jitter: 0.2 };

/// Why a round could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The work queues, or the sink of events.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A request could not be accepted for a reason that is not its own.
    #[error(transparent)]
    Request(#[from] Problem),
}

impl Failure {
    /// Whether waiting may cure it.
    pub(crate) const fn is_passing(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_passing(),
            Self::Queue(error) => matches!(error, QueueError::Unavailable(_)),
            Self::Board(_) => true,
            Self::Request(problem) => {
                matches!(problem.kind, keybell_shared::problem::ProblemKind::Unavailable)
            }
        }
    }
}

/// Keeps count of one loop's failures in a row.
#[derive(Debug)]
pub(crate) struct Outage {
    name: &'static str,
    failures: u32,
    /// Whether the log knows of a failure that waiting does not cure.
    defect_told: bool,
    since: Stopwatch,
}

impl Outage {
    /// For the loop of this name; nothing has failed yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, failures: 0, defect_told: false, since: Stopwatch::start() }
    }

    /// Notes a failure and answers how long to wait before the next try. Only the first one in a row is logged, and the
    /// first that waiting does not cure.
    pub(crate) fn failed(&mut self, failure: &Failure) -> Duration {
        if self.failures == 0 {
            self.since = Stopwatch::start();
        }
        if !failure.is_passing() && !self.defect_told {
            self.defect_told = true;
            tracing::error!(name = self.name, %failure, "a defect; it is tried again, but needs somebody to look");
        } else if self.failures == 0 {
            tracing::warn!(name = self.name, %failure, "out of order; it is tried again until it works");
        }
        self.failures = self.failures.saturating_add(1);
        delay_after(self.failures, &PAUSES)
    }

    /// Notes that it works.
    pub(crate) fn over(&mut self) {
        if self.failures > 0 {
            let seconds = self.since.elapsed().as_secs();
            tracing::info!(name = self.name, seconds, failures = self.failures, "works again");
        }
        self.failures = 0;
        self.defect_told = false;
    }

    /// How often it failed in a row.
    #[cfg(test)]
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_maximum_and_start_anew() {
        let mut outage = Outage::new("test");
        let away = Failure::from(LedgerError::Unavailable("no answer".into()));
        let first = outage.failed(&away);
        assert!(first <= Duration::from_millis(240), "{first:?}");
        let last = (0..40).map(|_| outage.failed(&away)).last().unwrap();
        assert!(last >= Duration::from_secs(8) && last <= Duration::from_secs(10), "{last:?}");
        assert_eq!(outage.failures(), 41);
        outage.over();
        assert!(outage.failed(&away) <= Duration::from_millis(240));
    }
}
