//! Showing progress: the ledger's counts, as absolute snapshots, on the board.
//!
//! Only what changed is shown. Everything is shown again after a failure and every second, so that a board that was
//! emptied behind our back is complete again within two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::{self, Window};
use keybell_shared::ids::TaskId;
use keybell_shared::metrics;
use keybell_shared::ports::board::Board;
use keybell_shared::ports::ledger::TaskLedger;
use keybell_shared::progress::Snapshot;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// How often everything is shown again.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// The projector.
pub(crate) struct Project<L: ?Sized> {
    ledger: Arc<L>,
    board: Arc<dyn Board>,
    /// Epoch and version of what the board shows, by task.
    shown: HashMap<TaskId, (i64, i64)>,
    refreshed: Stopwatch,
}

impl<L: TaskLedger + ?Sized> Project<L> {
    /// Nothing is shown yet.
    pub(crate) fn new(ledger: Arc<L>, board: Arc<dyn Board>) -> Self {
        Self { ledger, board, shown: HashMap::new(), refreshed: Stopwatch::start() }
    }
}

#[async_trait]
impl<L: TaskLedger + ?Sized> Round for Project<L> {
    fn name(&self) -> &'static str {
        "project"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        if self.refreshed.elapsed() >= REFRESH_EVERY {
            self.shown.clear();
            self.refreshed = Stopwatch::start();
        }
        let snapshots = self.ledger.snapshots().await?;
        fault::point(Window::ProgressRead).await;
        metrics::get().scheduler.tasks(&snapshots);
        let mut shown = HashMap::with_capacity(snapshots.len());
        for snapshot in &snapshots {
            let version = (snapshot.epoch, snapshot.version);
            if self.shown.get(&snapshot.task) != Some(&version)
                && let Err(error) = show(self.board.as_ref(), snapshot).await
            {
                // A board that failed may have lost more than this one.
                self.shown.clear();
                return Err(error.into());
            }
            shown.insert(snapshot.task, version);
        }
        self.shown = shown;
        Ok(Pace::Rest)
    }
}

async fn show(board: &dyn Board, snapshot: &Snapshot) -> Result<(), keybell_shared::error::BoardError> {
    if !board.show(snapshot).await? {
        tracing::debug!(task = %snapshot.task, version = snapshot.version, "the board shows something newer");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
