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
    /// The wave whose turn it is; `None` for a task without waves.
    pub wave: Option<u32>,
}

/// A task whose wave was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// The task.
    pub task: TaskId,
    /// The wave whose turn it is now.
    pub wave: u32,
    /// Why the task was paused before it, if it was.
    pub halted: Option<String>,
}

/// What the dispatcher asks of the ledger.
#[async_trait]
pub trait DispatchLedger: Send + Sync {
    /// How many items of all tasks are queued, counted up to `limit`.
    async fn queued(&self, limit: u32) -> LedgerResult<u32>;

    /// Running tasks with pending items, the oldest first, at most `limit`: those whose start has come, and that no open
    /// one of these blackout windows puts off. The ledger's clock decides. Urgent tasks are not put off.
    async fn runnable(&self, limit: u32, blackout: &[Window]) -> LedgerResult<Vec<Runnable>>;

    /// The next pending items of a task, at most `limit`, with the number of this dispatch; with `wave`, only those of it.
    async fn pending(&self, task: TaskId, wave: Option<u32>, limit: u32) -> LedgerResult<Vec<(ItemId, u32)>>;

    /// Turns running tasks whose wave is settled to their next one, at most `limit`. Where more of the settled wave failed than
    /// the request allows, the task is paused as well, and says why. A ledger in memory has no waves.
    async fn turn_waves(&self, limit: u32) -> LedgerResult<Vec<Turned>> {
        let _ = limit;
        Ok(Vec::new())
    }

    /// `pending → queued` for those of the items that are still pending in a running task.
    async fn mark_queued(&self, items: &[ItemId]) -> LedgerResult<u64>;

    /// The traces that these tasks' requests belong to, as noted when they were accepted; tasks without one are left out.
    async fn traces(&self, tasks: &[TaskId]) -> LedgerResult<Vec<(TaskId, TraceParent)>> {
        let _ = tasks;
        Ok(Vec::new())
    }
}
