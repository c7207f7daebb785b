//! Deadlines, leases and retries, which must fit together.

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, fits, seconds};
use crate::retry::RetryPolicy;

/// Deadlines, leases and retries.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// One message must be sent within this.
    #[serde(rename = "send_deadline_seconds", deserialize_with = "seconds")]
    pub send_deadline: Duration,
    /// A claimed notification belongs to its worker for this long.
    #[serde(rename = "lease_seconds", deserialize_with = "seconds")]
    pub lease: Duration,
    /// The wait after the first attempt.
    #[serde(rename = "retry_initial_seconds", deserialize_with = "seconds")]
    pub retry_initial: Duration,
    /// The factor from one wait to the next.
    pub retry_multiplier: f64,
    /// No wait is longer.
    #[serde(rename = "retry_max_seconds", deserialize_with = "seconds")]
    pub retry_max: Duration,
    /// How far a wait may stray, as a share of it.
    pub retry_jitter: f64,
    /// How often a channel that is down is tried again.
    #[serde(rename = "probe_seconds", deserialize_with = "seconds")]
    pub probe: Duration,
    /// How long a sealed password is kept at most, for a permanent password.
    #[serde(rename = "seal_ttl_seconds", deserialize_with = "seconds")]
    pub seal_ttl: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let retry = RetryPolicy::default();
        Self {
            send_deadline: Duration::from_secs(20),
            lease: Duration::from_secs(45),
            retry_initial: retry.initial,
            retry_multiplier: retry.multiplier,
            retry_max: retry.max,
            retry_jitter: retry.jitter,
            probe: Duration::from_secs(15),
            seal_ttl: Duration::from_hours(7 * 24),
        }
    }
}

impl Timing {
    /// When the next attempt is made.
    #[must_use]
    pub const fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            initial: self.retry_initial,
            multiplier: self.retry_multiplier,
            max: self.retry_max,
            jitter: self.retry_jitter,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits(!self.send_deadline.is_zero(), "timing.send_deadline_seconds", || "must be more than 0".to_owned())?;
        fits(self.lease >= self.send_deadline * 2, "timing.lease_seconds", || {
            format!(
                "{} s must be at least twice timing.send_deadline_seconds ({} s), or a slow send is taken over while \
                 it still runs",
                self.lease.as_secs_f64(),
                self.send_deadline.as_secs_f64()
            )
        })?;
        fits(!self.retry_initial.is_zero(), "timing.retry_initial_seconds", || "must be more than 0".to_owned())?;
        fits(self.retry_initial <= self.retry_max, "timing.retry_max_seconds", || {
            "must not be less than timing.retry_initial_seconds".to_owned()
        })?;
        fits((1.0..=10.0).contains(&self.retry_multiplier), "timing.retry_multiplier", || {
            "must be 1 to 10".to_owned()
        })?;
        fits((0.0..=0.5).contains(&self.retry_jitter), "timing.retry_jitter", || "must be 0 to 0.5".to_owned())?;
        fits(!self.probe.is_zero(), "timing.probe_seconds", || "must be more than 0".to_owned())?;
        fits(self.seal_ttl >= self.retry_max * 4, "timing.seal_ttl_seconds", || {
            "must cover all retries (four times timing.retry_max_seconds)".to_owned()
        })
    }
}
