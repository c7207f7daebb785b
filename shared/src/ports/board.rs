//! The board: the live progress view. Derived from the ledger, thrown away without harm.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::error::BoardError;
use crate::ids::TaskId;
use crate::progress::Snapshot;

/// The live progress view (Redis, or memory when embedded).
#[async_trait]
pub trait Board: Send + Sync {
    /// Shows a snapshot, unless a newer one is already shown, and tells everybody who watches the task.
    /// Answers whether it is shown now.
    async fn show(&self, snapshot: &Snapshot) -> Result<bool, BoardError>;

    /// The newest snapshot of a task, if the board has one; readers fall back to the ledger.
    async fn read(&self, task: TaskId) -> Result<Option<Snapshot>, BoardError>;

    /// Snapshots of one task as they come. A hint only: after a gap of the connection the reader reads again. The
    /// stream ends when the connection is lost.
    async fn watch(&self, task: TaskId) -> Result<BoxStream<'static, Snapshot>, BoardError>;

    /// Whether the board answers, for `doctor` and readiness.
    async fn ping(&self) -> Result<(), BoardError>;
}
