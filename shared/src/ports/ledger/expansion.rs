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
    /// The last ones: this many items were written. The task is running now; or it waits for an approval; or it is paused
    /// if it was held.
    Finished(u64),
    /// The task is no longer expanding (cancelled, or another scheduler was faster).
    NotExpanding,
}

/// How tasks are expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Accounts that one transaction looks at.
    pub size: u32,
    /// A task that would change more passwords than this waits for a second person's approval; `None`: none does.
    pub approval_above: Option<u32>,
}

/// What the expansion asks of the ledger.
#[async_trait]
pub trait ExpansionLedger: Send + Sync {
    /// Tasks that are expanding, the oldest first, at most `limit`.
    async fn expanding(&self, limit: u32) -> LedgerResult<Vec<TaskId>>;

    /// Writes down the next accounts of the task, at most `how.size`, under the task's lock and with a stored cursor.
    /// Ineligible ones become skipped items at once, so that the sum always adds up. The accounts of a task that comes
    /// from a plan are the plan's: who was skipped there stays skipped, who is no longer eligible is skipped, and nobody
    /// joins. The last chunk stores a digest of the frozen set, and decides whether it needs an approval.
    async fn expand_next(&self, writer: &str, task: TaskId, how: Expansion) -> LedgerResult<Chunk>;

    /// [`ExpansionLedger::expand_next`] where no task needs an approval.
    async fn expand_chunk(&self, writer: &str, task: TaskId, size: u32) -> LedgerResult<Chunk> {
        self.expand_next(writer, task, Expansion { size, approval_above: None }).await
    }

    /// Notes that a chunk met a defect, which no repetition cures. After [`MAX_DEFECTS`] in a row the task is `failed`,
    /// and whatever of it was written down is cancelled: nothing was changed. Answers whether this call ended it.
    async fn expansion_failed(&self, task: TaskId) -> LedgerResult<bool>;
}
