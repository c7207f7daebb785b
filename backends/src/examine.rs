//! What `keybell doctor` is told about the servers: their versions, what our user may do there, their clocks. Each
//! `examine` connects by itself, changes nothing that stays, and answers within its own bounded time.

use std::time::Duration;

use keybell_shared::clock::{Millis, wall};

/// How serious it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Works, but somebody should look.
    Warning,
    /// Does not work.
    Wrong,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How serious it is.
    pub level: Level,
    /// What was seen, and what to do about it.
    pub detail: String,
}

impl Seen {
    /// As it should be.
    #[must_use]
    pub fn fine(detail: impl Into<String>) -> Self {
        Self { level: Level::Fine, detail: detail.into() }
    }

    /// Works, but somebody should look.
    #[must_use]
    pub fn warning(detail: impl Into<String>) -> Self {
        Self { level: Level::Warning, detail: detail.into() }
    }

    /// Does not work.
    #[must_use]
    pub fn wrong(detail: impl Into<String>) -> Self {
        Self { level: Level::Wrong, detail: detail.into() }
    }
}

/// A server's clock may differ from ours by this much before it is worth a warning.
const OFFSET: i64 = 1_000;

/// Compares a server's clock with ours, which was read right before and after the question.
pub(crate) fn clock(before: Millis, server: Millis, after: Millis) -> Seen {
    let offset = server.0 - i64::midpoint(before.0, after.0);
    // Half the question's time is not known to us.
    let doubt = (after.0 - before.0) / 2;
    let text = format!("its clock differs from ours by {offset} ms (±{doubt} ms)");
    if offset.abs() - doubt > OFFSET {
        let advice = "set both by NTP: leases go by the database's clock, logs and messages by this machine's";
        return Seen::warning(format!("{text}; {advice}"));
    }
    Seen::fine(text)
}

/// Our clock, read before a question.
pub(crate) fn now() -> Millis {
    wall()
}

/// Gathers what `look` sees; what it saw before its time was up stays.
pub(crate) async fn within<F>(patience: Duration, look: impl FnOnce(Gathered) -> F) -> Vec<Seen>
where
    F: Future<Output = ()>,
{
    let gathered = Gathered::default();
    if tokio::time::timeout(patience, look(gathered.clone())).await.is_err() {
        gathered.push(Seen::wrong(format!("no answer within {} s", patience.as_secs())));
    }
    let mut seen = gathered.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::mem::take(&mut *seen)
}

/// What was seen so far.
#[derive(Clone, Default)]
pub(crate) struct Gathered(std::sync::Arc<std::sync::Mutex<Vec<Seen>>>);

impl Gathered {
    pub(crate) fn push(&self, seen: Seen) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_surely_differs_is_worth_a_warning() {
        let seen = |before, server, after| clock(Millis(before), Millis(server), Millis(after));
        assert_eq!(seen(0, 1_000, 10).level, Level::Fine);
        assert_eq!(seen(0, 1_500, 2_000).level, Level::Fine);
        assert_eq!(seen(0, 1_500, 10).level, Level::Warning);
        let behind = seen(10_000, 5_000, 10_000);
        assert!(behind.level == Level::Warning && behind.detail.contains("-5000 ms (±0 ms)"), "{behind:?}");
    }

    #[tokio::test]
    async fn what_was_seen_in_time_stays() {
        let seen = within(Duration::from_secs(1), |gathered| async move {
            gathered.push(Seen::fine("one"));
            std::future::pending::<()>().await;
        });
        assert_eq!(seen.await, [Seen::fine("one"), Seen::wrong("no answer within 1 s")]);
    }
}
