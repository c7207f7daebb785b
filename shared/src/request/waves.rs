//! Waves: a task that is handed out part by part.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most accounts of a canary.
pub const MAX_CANARY: u32 = 10_000;

/// A task that is handed out in waves: the next one begins when the one before is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Waves {
    /// What a wave is.
    pub by: WaveBy,
    /// So many accounts, drawn from all that are eligible, are the first wave. 0: there is no canary.
    #[serde(default)]
    #[schema(maximum = 10_000)]
    pub canary: u32,
    /// When more than this share of a settled wave has failed, or could not be told for good, the task is paused by itself. A
    /// person who resumes it goes on with the next wave. Without a word it never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 99)]
    pub halt_above_percent: Option<u32>,
}

/// What a wave is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaveBy {
    /// The accounts of one school, in the order of the schools' names; those of none come last.
    School,
    /// The accounts of one grade, the youngest first; those of none come last.
    Grade,
}

impl Waves {
    /// Whether so many failures among so many settled accounts halt the task.
    #[must_use]
    pub fn halts(&self, failed: u64, settled: u64) -> bool {
        self.halt_above_percent
            .is_some_and(|percent| failed.saturating_mul(100) > settled.saturating_mul(u64::from(percent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_the_share_halts() {
        let waves = |halt_above_percent| Waves { by: WaveBy::School, canary: 0, halt_above_percent };
        for (percent, failed, settled, halts) in [
            (Some(20), 2, 10, false),
            (Some(20), 3, 10, true),
            (Some(0), 0, 10, false),
            (Some(0), 1, 1_000, true),
            (Some(99), 10, 10, true),
            (Some(50), 0, 0, false),
            (None, 10, 10, false),
        ] {
            assert_eq!(waves(percent).halts(failed, settled), halts, "{percent:?} {failed}/{settled}");
        }
    }
}
