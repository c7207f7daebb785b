//! The only home of the process's clocks. Times that matter (leases, due times, expiry) are the ledger's own.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, the unit of every stored time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The time in RFC 3339, UTC, to the second; for people and APIs.
    #[must_use]
    pub fn rfc3339(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0)
            .map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// Reads a time in RFC 3339, which says its offset from UTC; `None` when it is none.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_millis()))
    }
}

/// The wall clock of this process; for display and message headers only, never for a decision.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this file is the clock's one home")]
pub fn wall() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A stop watch on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the clock's one home")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
