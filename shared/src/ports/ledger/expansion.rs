//! Writing down a task's accounts as items.

use async_trait::async_trait;

use super::LedgerResult;
use crate::ids::TaskId;

/// How many chunks in a row may meet a defect before a task is given up.
pub const MAX_DEFECTS: u32 = 20;

/// What one chunk did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// This many items were written; there may be more.
    More(u64),
    /// The last ones: this many items were written, and the task is running now, or paused if it was held.
    Finished(u64),
    /// The task is no longer expanding (cancelled, or another scheduler was faster).
    NotExpanding,
}

/// What the expansion asks of the ledger.
#[async_trait]
pub trait ExpansionLedger: Send + Sync {
    /// Tasks that are expanding, the oldest first, at most `limit`.
    async fn expanding(&self, limit: u32) -> LedgerResult<Vec<TaskId>>;

    /// Writes down the next accounts of the task, at most `size`, under the task's lock and with a stored cursor.
    /// Ineligible ones become skipped items at once, so that the sum always adds up. The last chunk stores the count
    /// and a digest of the frozen set.
    async fn expand_chunk(&self, writer: &str, task: TaskId, size: u32) -> LedgerResult<Chunk>;

    /// Notes that a chunk met a defect, which no repetition cures. After [`MAX_DEFECTS`] in a row the task is `failed`,
    /// and whatever of it was written down is cancelled: nothing was changed. Answers whether this call ended it.
    async fn expansion_failed(&self, task: TaskId) -> LedgerResult<bool>;
}
