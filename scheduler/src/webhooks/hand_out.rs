//! One message for each event and each endpoint that listens to it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ports::ledger::Ledger;

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::wake::Wake;

/// How many events are handed out per transaction.
const BATCH: u32 = 250;

/// The job.
pub(super) struct HandOut {
    pub(super) ledger: Arc<dyn Ledger>,
    /// How long a disabled endpoint gets messages.
    pub(super) keep: Duration,
    /// Wakes the delivery.
    pub(super) written: Wake,
}

#[async_trait]
impl Round for HandOut {
    fn name(&self) -> &'static str {
        "webhook hand-out"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let done = self.ledger.hand_out_events(BATCH, self.keep).await?;
        if done.messages > 0 {
            self.written.wake();
        }
        Ok(if done.events >= u64::from(BATCH) { Pace::Again } else { Pace::Rest })
    }
}
