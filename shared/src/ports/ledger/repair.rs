//! Bringing back what a crash left behind.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;
use crate::message::Message;
use crate::stage::Stage;

/// How often an item may be put into an empty queue again before it is given up.
pub const MAX_REPUBLICATIONS: u32 = 10;

/// How many lives a dead letter has.
pub const MAX_DEAD: u32 = 5;

/// What the repair scan asks of the ledger.
#[async_trait]
pub trait RepairLedger: Send + Sync {
    /// Notifications whose lease has expired: the attempt counts, the outcome is unknown; they wait again after
    /// `retry_in`, or end when no attempt is left. Answers how many, at most `limit`.
    async fn expire_leases(&self, writer: &str, retry_in: Duration, limit: u32) -> LedgerResult<u64>;

    /// Waiting notifications of a stage that are due and not on the queue, at most `limit`; they are noted as published
    /// by this call. With `queue_empty`, those published longer than `grace` ago are brought again and counted; past
    /// [`MAX_REPUBLICATIONS`] they fail.
    async fn due_notifications(
        &self,
        writer: &str,
        stage: Stage,
        queue_empty: bool,
        grace: Duration,
        limit: u32,
    ) -> LedgerResult<Vec<Message>>;

    /// Items that have been queued for longer than `grace` while the reset queue is empty: they are brought again and
    /// counted; past [`MAX_REPUBLICATIONS`] they fail. At most `limit`.
    async fn lost_items(&self, writer: &str, grace: Duration, limit: u32) -> LedgerResult<Vec<Message>>;

    /// Notes that a message came from the dead letters. Answers whether it may live again; after [`MAX_DEAD`] its item
    /// or notification is failed instead. A notification that is on its way is left to its lease.
    async fn count_death(&self, writer: &str, message: &Message) -> LedgerResult<bool>;

    /// Deletes sealed passwords past their own expiry, and ends notifications that can no longer be sent. Answers how
    /// many were deleted, at most `limit`. Links that can neither be sent nor used any more go with them, uncounted.
    async fn sweep_seals(&self, writer: &str, limit: u32) -> LedgerResult<u64>;
}
