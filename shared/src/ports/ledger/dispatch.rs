//! Putting items on the queue, a bounded window of them.

use async_trait::async_trait;

use super::LedgerResult;
use crate::config::Window;
use crate::ids::{DistrictId, ItemId, TaskId};
use crate::trace::TraceParent;

/// A running task with pending items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runnable {
    /// The task.
    pub task: TaskId,
    /// Its district: the window is shared out over districts first.
    pub district: DistrictId,
}

/// What the dispatcher asks of the ledger.
#[async_trait]
pub trait DispatchLedger: Send + Sync {
    /// How many items of all tasks are queued, counted up to `limit`.
    async fn queued(&self, limit: u32) -> LedgerResult<u32>;

    /// Running tasks with pending items, the oldest first, at most `limit`: those whose start has come, and that no open
    /// one of these blackout windows puts off. The ledger's clock decides. Urgent tasks are not put off.
    async fn runnable(&self, limit: u32, blackout: &[Window]) -> LedgerResult<Vec<Runnable>>;

    /// The next pending items of a task, at most `limit`, with the number of this dispatch.
    async fn pending(&self, task: TaskId, limit: u32) -> LedgerResult<Vec<(ItemId, u32)>>;

    /// `pending → queued` for those of the items that are still pending in a running task.
    async fn mark_queued(&self, items: &[ItemId]) -> LedgerResult<u64>;

    /// The traces that these tasks' requests belong to, as noted when they were accepted; tasks without one are left out.
    async fn traces(&self, tasks: &[TaskId]) -> LedgerResult<Vec<(TaskId, TraceParent)>> {
        let _ = tasks;
        Ok(Vec::new())
    }
}
