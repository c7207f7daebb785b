//! Closing tasks without an open item. No worker ever decides that it was the last.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::ports::ledger::{Closed, TaskLedger};

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// Tasks closed per round.
const LIMIT: u32 = 100;

/// The finisher.
pub(crate) struct Finish<L: ?Sized> {
    /// Where the tasks are.
    pub(crate) ledger: Arc<L>,
}

#[async_trait]
impl<L: TaskLedger + ?Sized> Round for Finish<L> {
    fn name(&self) -> &'static str {
        "finish"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let closed = self.ledger.finish(LIMIT).await?;
        for Closed { task, state, mismatch } in &closed {
            match mismatch {
                None => tracing::info!(%task, %state, "task ended"),
                Some(counted) => tracing::error!(
                    %task, %state, counted,
                    "task ended, but its counters do not add up to its items: a defect of Keybell, please report it"
                ),
            }
        }
        Ok(if closed.len() >= LIMIT as usize { Pace::Again } else { Pace::Rest })
    }
}
