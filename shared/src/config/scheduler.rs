//! The scheduler's loops.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, fits, seconds};

/// The scheduler's loops.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduler {
    /// Accounts written down per transaction.
    pub chunk: u32,
    /// A task that would change more passwords than this waits for a second person's approval. Without it none does.
    pub approval_above: Option<u32>,
    /// The fewest items that are kept queued.
    pub window_min: u32,
    /// The most items that are kept queued.
    pub window_max: u32,
    /// How often the window is filled, and how often one look tells the other loops what waits for them.
    #[serde(rename = "dispatch_seconds", deserialize_with = "seconds")]
    pub dispatch_every: Duration,
    /// How often what a crash left behind is looked for.
    #[serde(rename = "scan_seconds", deserialize_with = "seconds")]
    pub scan_every: Duration,
    /// How long something may be on a queue before an empty queue makes it count as lost.
    #[serde(rename = "grace_seconds", deserialize_with = "seconds")]
    pub grace: Duration,
    /// How often the board is brought up to date.
    #[serde(rename = "project_seconds", deserialize_with = "seconds")]
    pub project_every: Duration,
    /// How long the leader's lease lasts.
    #[serde(rename = "leader_seconds", deserialize_with = "seconds")]
    pub leader_ttl: Duration,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            chunk: 2_000,
            approval_above: None,
            window_min: 512,
            window_max: 8_192,
            dispatch_every: Duration::from_millis(200),
            scan_every: Duration::from_secs(5),
            grace: Duration::from_secs(30),
            project_every: Duration::from_millis(300),
            leader_ttl: Duration::from_secs(5),
        }
    }
}

impl Scheduler {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits((1..=50_000).contains(&self.chunk), "scheduler.chunk", || "must be 1 to 50000".to_owned())?;
        fits(self.window_min >= 1 && self.window_min <= self.window_max, "scheduler.window_min", || {
            format!("must be 1 to scheduler.window_max ({})", self.window_max)
        })?;
        fits(self.window_max <= 100_000, "scheduler.window_max", || "must be at most 100000".to_owned())?;
        soon(self.dispatch_every, "scheduler.dispatch_seconds")?;
        fits(!self.scan_every.is_zero(), "scheduler.scan_seconds", || "must be more than 0".to_owned())?;
        fits(!self.project_every.is_zero(), "scheduler.project_seconds", || "must be more than 0".to_owned())?;
        soon(self.leader_ttl, "scheduler.leader_seconds")
    }
}

/// A minute: an event waits for at most three rounds and for a new leader, and sessions end within five minutes.
const SOON: Duration = Duration::from_mins(1);

/// Refuses an interval with which applications would hear of a changed password too late to end its sessions.
fn soon(every: Duration, field: &'static str) -> Result<(), ConfigError> {
    fits(!every.is_zero() && every <= SOON, field, || {
        "must be more than 0 and at most 60, or sessions would go on for more than five minutes after a reset"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_within_five_minutes_however_it_is_configured() {
        assert!(Scheduler::default().check().is_ok());
        assert!(SOON * 4 < Duration::from_mins(5));
        let late = Duration::from_secs(61);
        for (wrong, field) in [
            (Scheduler { dispatch_every: late, ..Scheduler::default() }, "scheduler.dispatch_seconds"),
            (Scheduler { leader_ttl: late, ..Scheduler::default() }, "scheduler.leader_seconds"),
            (Scheduler { leader_ttl: Duration::ZERO, ..Scheduler::default() }, "scheduler.leader_seconds"),
        ] {
            let refused = wrong.check().expect_err(field);
            assert_eq!(refused.field, field);
            assert!(refused.reason.contains("five minutes"), "{}", refused.reason);
        }
    }
}
