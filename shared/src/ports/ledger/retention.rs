//! Forgetting what is no longer needed.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// An ended task with its items, notifications, attempts, counters and sealed passwords.
    pub tasks: Duration,
    /// A domain event that was handed on, and webhook deliveries that succeeded.
    pub events: Duration,
    /// An idempotency key. Afterwards the same key would start a new task.
    pub idempotency: Duration,
}

/// How many rows there are to forget, or were forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Ended tasks.
    pub tasks: u64,
    /// Their items.
    pub items: u64,
    /// Events.
    pub events: u64,
    /// Idempotency keys.
    pub idempotency: u64,
}

/// What `keybell purge` asks of the ledger. The audit is never purged: it is a chain.
#[async_trait]
pub trait RetentionLedger: Send + Sync {
    /// Counts what [`RetentionLedger::purge`] would forget in all.
    async fn purgeable(&self, retention: &Retention) -> LedgerResult<Purged>;

    /// Forgets a part, in one short transaction per kind of row: at most `limit` rows of each. Answers what was
    /// forgotten; all zero when nothing is left. A task goes only when no re-issue of it is kept.
    async fn purge(&self, retention: &Retention, limit: u32) -> LedgerResult<Purged>;
}
