//! Who leads.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;

/// What waits for which of the leader's loops: a hint, out of date as soon as it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one answer for each loop; none excludes another")]
pub struct Pulse {
    /// Tasks whose accounts are to be written down.
    pub expanding: bool,
    /// Tasks whose wave is settled, and that have another one.
    pub waves: bool,
    /// Tasks without an open item. Cancels that were interrupted are left to the scan.
    pub closable: bool,
    /// Events that were not handed on.
    pub unsent: bool,
    /// Events that were not looked at for the webhooks.
    pub not_handed_out: bool,
}

impl Pulse {
    /// Everything may wait.
    pub const ALL: Self = Self { expanding: true, waves: true, closable: true, unsent: true, not_handed_out: true };
}

/// A lease that at most one process holds at a time, on the database's clock.
#[async_trait]
pub trait LeaderLedger: Send + Sync {
    /// Takes or prolongs the lease. Answers whether `holder` holds it now.
    async fn lead(&self, lease: &str, holder: &str, ttl: Duration) -> LedgerResult<bool>;

    /// Gives the lease back, if `holder` has it.
    async fn resign(&self, lease: &str, holder: &str) -> LedgerResult<()>;

    /// Looks for all loops at once what waits for them: an idle scheduler asks one question and not five. A ledger that does not
    /// know says that everything may.
    async fn pulse(&self) -> LedgerResult<Pulse> {
        Ok(Pulse::ALL)
    }

    /// Whether the database answers and has every migration of this build, for `doctor` and readiness.
    async fn ping(&self) -> LedgerResult<()>;
}
