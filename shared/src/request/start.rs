//! When a task begins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// A start lies at most this far ahead: a year.
pub const FARTHEST_START_MS: i64 = 366 * 24 * 3_600_000;

/// A start that is over by no more than this means now: whoever typed it was slower than the clock.
pub const LATE_START_MS: i64 = 5 * 60_000;

/// The longest name of a time zone.
const MAX_ZONE: usize = 64;

/// When the first password of a task may change. The task is accepted, written down and approved before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// RFC 3339, with its offset from UTC or `Z`; at most a year ahead. This instant decides.
    #[schema(format = DateTime, example = "2026-12-01T05:00:00-06:00")]
    pub at: String,
    /// The name of the time zone that was meant, kept for the people who read it. Nothing is computed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 64, pattern = "^[A-Za-z0-9_+/ -]{1,64}$", example = "America/Chicago")]
    pub zone: Option<String>,
}

impl Start {
    /// The instant that decides; `None` when it is no time with an offset.
    #[must_use]
    pub fn instant(&self) -> Option<Millis> {
        Millis::from_rfc3339(&self.at)
    }

    /// Whether the zone, if one is said, looks like a name.
    #[must_use]
    pub fn is_zone_sound(&self) -> bool {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/ ".contains(&byte);
        self.zone.as_deref().is_none_or(|zone| (1..=MAX_ZONE).contains(&zone.len()) && zone.bytes().all(sound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instant_decides_and_the_zone_is_a_name() {
        let start = |at: &str, zone: Option<&str>| Start { at: at.to_owned(), zone: zone.map(str::to_owned) };
        for at in ["2026-12-01T05:00:00Z", "2026-11-30T23:00:00-06:00", "2026-12-01T06:00:00.000+01:00"] {
            assert_eq!(start(at, None).instant(), Some(Millis(1_796_101_200_000)), "{at}");
        }
        for at in ["", "2026-12-01", "2026-12-01T05:00:00", "tomorrow", "2026-13-01T05:00:00Z"] {
            assert_eq!(start(at, Some("America/Chicago")).instant(), None, "{at}");
        }
        for zone in ["America/Chicago", "Etc/GMT+6", "Central Time"] {
            assert!(start("", Some(zone)).is_zone_sound(), "{zone}");
        }
        for zone in ["", "a\nb", "<b>", &"x".repeat(65)] {
            assert!(!start("", Some(zone)).is_zone_sound(), "{zone}");
        }
    }
}
