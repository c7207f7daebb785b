//! Events on their way out, and the audit chain.

use async_trait::async_trait;

use super::LedgerResult;
use crate::ports::events::Event;

/// What the event relay and the audit chain ask of the ledger.
#[async_trait]
pub trait OutboxLedger: Send + Sync {
    /// Events that were not handed on yet, the oldest first, at most `limit`.
    async fn unsent_events(&self, limit: u32) -> LedgerResult<Vec<Event>>;

    /// Notes that these were handed on.
    async fn events_sent(&self, ids: &[i64]) -> LedgerResult<()>;

    /// Chains audit rows that are not chained yet to their predecessors, at most `limit`. Answers how many.
    async fn chain_audit(&self, limit: u32) -> LedgerResult<u64>;
}
