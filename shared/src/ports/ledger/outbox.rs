//! Events on their way out, and the audit chain.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;
use crate::ports::events::Event;

/// How old the oldest work is that nobody has done yet, on the database's clock. Zero: nothing waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Items that are queued for a reset.
    pub reset: Duration,
    /// E-mail notifications that are due.
    pub email: Duration,
    /// SMS notifications that are due.
    pub sms: Duration,
    /// Domain events that were not handed on.
    pub events: Duration,
    /// How many domain events were not handed on, counted up to 10,000.
    pub events_waiting: u64,
    /// Messages that wait for a webhook's endpoint.
    pub webhooks: Duration,
    /// How many messages wait for endpoints, counted up to 10,000.
    pub webhooks_waiting: u64,
}

/// What the event relay and the audit chain ask of the ledger.
#[async_trait]
pub trait OutboxLedger: Send + Sync {
    /// Events that were not handed on yet, the oldest first, at most `limit`.
    async fn unsent_events(&self, limit: u32) -> LedgerResult<Vec<Event>>;

    /// Notes that these were handed on.
    async fn events_sent(&self, ids: &[i64]) -> LedgerResult<()>;

    /// Chains audit rows that are not chained yet to their predecessors, at most `limit`. Answers how many.
    async fn chain_audit(&self, limit: u32) -> LedgerResult<u64>;

    /// How old the oldest waiting work is; for the metrics, asked every few seconds.
    async fn backlog(&self) -> LedgerResult<Backlog> {
        Ok(Backlog::default())
    }
}
