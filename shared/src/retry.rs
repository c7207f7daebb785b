//! How long to wait before the next attempt. The only file that knows the crate `backoff`.
//!
//! Delays are stored in the ledger as due times, so that they survive every restart; the crate only does the
//! arithmetic (see `docs/adr/0001-backoff-as-a-calculator.md`).

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

/// The first attempt and three retries: no notification is attempted more often.
pub const MAX_ATTEMPTS: u32 = 4;

/// When the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The wait after the first attempt.
    pub initial: Duration,
    /// The factor from one wait to the next.
    pub multiplier: f64,
    /// No wait is longer.
    pub max: Duration,
    /// How far a wait may stray from its middle, as a share of it, so that a crowd does not come back at once.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { initial: Duration::from_secs(30), multiplier: 4.0, max: Duration::from_mins(15), jitter: 0.2 }
    }
}

/// The wait before the attempt after number `attempt` (from 1).
#[must_use]
pub fn delay_after(attempt: u32, policy: &RetryPolicy) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let middle = (policy.initial.as_secs_f64() * policy.multiplier.powi(exponent)).min(policy.max.as_secs_f64());
    let mut calculator = ExponentialBackoff {
        current_interval: Duration::from_secs_f64(middle),
        randomization_factor: policy.jitter,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    // The crate lets the jitter pass the maximum, so it is cut here.
    calculator.next_backoff().unwrap_or(policy.max).min(policy.max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_stay_within_jitter_and_maximum(attempt in 1_u32..40, initial_ms in 1_u64..60_000) {
            let policy = RetryPolicy { initial: Duration::from_millis(initial_ms), ..RetryPolicy::default() };
            let delay = delay_after(attempt, &policy);
            prop_assert!(delay <= policy.max);
            let exponent = i32::try_from(attempt - 1).expect("small");
            let middle = (policy.initial.as_secs_f64() * policy.multiplier.powi(exponent)).min(policy.max.as_secs_f64());
            prop_assert!(delay.as_secs_f64() >= middle * (1.0 - policy.jitter) - 0.001);
        }
    }

    #[test]
    fn without_jitter_the_waits_grow_by_the_factor() {
        let policy = RetryPolicy { jitter: 0.0, ..RetryPolicy::default() };
        let waits: Vec<u64> = (1..=3).map(|attempt| delay_after(attempt, &policy).as_secs()).collect();
        assert_eq!(waits, [30, 120, 480]);
    }
}
