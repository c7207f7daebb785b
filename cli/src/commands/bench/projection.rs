//! From what was measured to what somebody plans. It is arithmetic, and says so.

use std::time::Duration;

use serde::Serialize;

/// A projection: linear in cores and accounts, from the steady rate of this machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Projection {
    /// For so many accounts.
    pub(super) accounts: u64,
    /// The rate of one core of this machine.
    pub(super) accounts_per_second_and_core: f64,
    /// On so many cores …
    pub(super) cores: u32,
    /// … it takes so long.
    pub(super) seconds: f64,
    /// To be done within so long …
    pub(super) within_seconds: u64,
    /// … it takes so many cores.
    pub(super) cores_needed: u64,
    /// What it takes for granted.
    pub(super) assumes: &'static str,
}

/// What every projection takes for granted.
const ASSUMES: &str =
    "each core does what a core of this machine did here, and database, broker and mail server keep up";

impl Projection {
    /// From a rate that was measured on `here` cores; `None` without a rate.
    #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
    pub(super) fn of(rate: f64, here: usize, accounts: u64, cores: u32, within: Duration) -> Option<Self> {
        let each = rate / here as f64;
        if !each.is_finite() || each <= 0.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded up, and never negative")]
        let cores_needed = (accounts as f64 / (each * within.as_secs_f64())).ceil().max(1.0) as u64;
        Some(Self {
            accounts,
            accounts_per_second_and_core: each,
            cores,
            seconds: accounts as f64 / (each * f64::from(cores)),
            within_seconds: within.as_secs(),
            cores_needed,
            assumes: ASSUMES,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_by_eight_o_clock() {
        let told = Projection::of(200.0, 2, 1_000_000, 8, Duration::from_hours(1)).expect("a projection");
        assert!((told.seconds - 1_250.0).abs() < 1e-6);
        assert_eq!(told.cores_needed, 3);
        assert_eq!(Projection::of(200.0, 2, 1, 8, Duration::from_hours(1)).expect("one").cores_needed, 1);
        assert!(Projection::of(0.0, 2, 1, 1, Duration::from_hours(1)).is_none());
    }
}
