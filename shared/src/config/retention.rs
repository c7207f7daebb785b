//! How long what has ended is kept.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, fits};

/// How long what has ended is kept; `keybell purge` forgets the rest.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// An ended task with its items and messages, in days.
    pub tasks_days: u32,
    /// An event that was handed on, in days.
    pub events_days: u32,
    /// An idempotency key, in days. Afterwards the same key would start a new task.
    pub idempotency_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        // A school year and a bit, so that last year's start can be looked at while this year's is planned.
        Self { tasks_days: 400, events_days: 30, idempotency_days: 400 }
    }
}

impl Retention {
    /// The same as durations.
    #[must_use]
    pub const fn periods(&self) -> crate::ports::ledger::Retention {
        crate::ports::ledger::Retention {
            tasks: days(self.tasks_days),
            events: days(self.events_days),
            idempotency: days(self.idempotency_days),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (field, days) in [
            ("retention.tasks_days", self.tasks_days),
            ("retention.events_days", self.events_days),
            ("retention.idempotency_days", self.idempotency_days),
        ] {
            fits((1..=36_500).contains(&days), field, || "must be 1 to 36500".to_owned())?;
        }
        fits(self.idempotency_days <= self.tasks_days, "retention.idempotency_days", || {
            "must not be more than retention.tasks_days: a key answers with its task".to_owned()
        })
    }
}

const fn days(days: u32) -> Duration {
    Duration::from_hours(days as u64 * 24)
}
