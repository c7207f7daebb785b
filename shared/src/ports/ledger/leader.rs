//! Who leads.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;

/// A lease that at most one process holds at a time, on the database's clock.
#[async_trait]
pub trait LeaderLedger: Send + Sync {
    /// Takes or prolongs the lease. Answers whether `holder` holds it now.
    async fn lead(&self, lease: &str, holder: &str, ttl: Duration) -> LedgerResult<bool>;

    /// Gives the lease back, if `holder` has it.
    async fn resign(&self, lease: &str, holder: &str) -> LedgerResult<()>;

    /// Whether the database answers and has every migration of this build, for `doctor` and readiness.
    async fn ping(&self) -> LedgerResult<()>;
}
