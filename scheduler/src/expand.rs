//! Writing down the accounts of accepted requests as items, chunk by chunk.
//!
//! The ledger does it inside the database, under the task's lock and with a stored cursor; this loop only says when.
//! Each round gives every expanding task one chunk, so that a small task does not wait for a large one.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::fault::{self, Window};
use keybell_shared::ports::ledger::{Chunk, DispatchLedger, Expansion, ExpansionLedger};
use keybell_shared::trace::{self, TARGET};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::traces;
use crate::wake::Wake;

/// The most tasks that are expanded side by side.
const TASKS: u32 = 64;

/// The expansion.
pub(crate) struct Expand<L: ?Sized> {
    /// Where the accounts and the items are.
    pub(crate) ledger: Arc<L>,
    /// The name under which this process counts.
    pub(crate) writer: String,
    /// Accounts per transaction, and who needs an approval.
    pub(crate) how: Expansion,
    /// Nudges this loop when a request was accepted in the same process.
    pub(crate) accepted: Wake,
    /// Nudges the dispatcher when a task is ready.
    pub(crate) ready: Wake,
}

#[async_trait]
impl<L: ExpansionLedger + DispatchLedger + ?Sized> Round for Expand<L> {
    fn name(&self) -> &'static str {
        "expand"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let mut pace = Pace::Rest;
        let mut defect = None;
        let tasks = self.ledger.expanding(TASKS).await?;
        let places = traces::of(self.ledger.as_ref(), &tasks).await?;
        for task in tasks {
            let span = trace::child(
                places.get(&task).copied(),
                || tracing::info_span!(target: TARGET, "expand", %task, trace_id = Empty),
            );
            match self.ledger.expand_next(&self.writer, task, self.how).instrument(span).await {
                Ok(Chunk::More(items)) => {
                    tracing::debug!(%task, items, "accounts written down");
                    fault::point(Window::ChunkCommitted).await;
                    pace = Pace::Again;
                }
                Ok(Chunk::Finished(items)) => {
                    tracing::info!(%task, items, "the last accounts written down; task expanded");
                    fault::point(Window::ChunkCommitted).await;
                    self.ready.wake();
                }
                Ok(Chunk::NotExpanding) => {}
                Err(passing) if passing.is_passing() => return Err(passing.into()),
                // One task that cannot be expanded does not hold up the others.
                Err(error) => {
                    tracing::error!(%task, %error, "task could not be expanded");
                    if self.ledger.expansion_failed(task).await? {
                        tracing::error!(%task, "task failed: it could not be expanded again and again");
                    }
                    defect = Some(error);
                }
            }
        }
        defect.map_or(Ok(pace), |error| Err(error.into()))
    }

    async fn woken(&self) {
        self.accepted.woken().await;
    }
}

#[cfg(test)]
mod tests;
