//! Workers of all stages.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, fits, seconds};

/// Workers of all stages.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// The most resets in one transaction.
    pub group: usize,
    /// How long a group waits for more.
    #[serde(rename = "group_wait_seconds", deserialize_with = "seconds")]
    pub group_wait: Duration,
    /// Unacknowledged deliveries of the reset stage; 0 means three groups.
    pub prefetch: u16,
    /// How long a stopping worker finishes what is in hand.
    #[serde(rename = "drain_seconds", deserialize_with = "seconds")]
    pub drain: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self { group: 128, group_wait: Duration::from_millis(20), prefetch: 0, drain: Duration::from_secs(25) }
    }
}

impl Worker {
    /// Unacknowledged deliveries of the reset stage.
    #[must_use]
    pub fn reset_prefetch(&self) -> u16 {
        if self.prefetch == 0 { u16::try_from(self.group * 3).unwrap_or(u16::MAX) } else { self.prefetch }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits((1..=1_000).contains(&self.group), "worker.group", || "must be 1 to 1000".to_owned())
    }
}
