//! Turning tasks from one wave to the next, and halting those of which too much failed.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::ports::ledger::{DispatchLedger, Turned};

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::wake::Wake;

/// Tasks turned per round.
const LIMIT: u32 = 100;

/// The turner of waves.
pub(crate) struct Waves<L: ?Sized> {
    /// Where the tasks are.
    pub(crate) ledger: Arc<L>,
    /// Nudges the dispatcher.
    pub(crate) ready: Wake,
}

#[async_trait]
impl<L: DispatchLedger + ?Sized> Round for Waves<L> {
    fn name(&self) -> &'static str {
        "waves"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let turned = self.ledger.turn_waves(LIMIT).await?;
        for Turned { task, wave, halted } in &turned {
            match halted {
                None => tracing::info!(%task, wave, "the next wave of a task begins"),
                Some(reason) => {
                    tracing::warn!(%task, wave, reason, "task halted before its next wave; resuming it goes on");
                }
            }
        }
        if !turned.is_empty() {
            self.ready.wake();
        }
        Ok(if turned.len() >= LIMIT as usize { Pace::Again } else { Pace::Rest })
    }
}
