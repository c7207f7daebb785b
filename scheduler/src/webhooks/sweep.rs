//! Drops messages that waited for too long, which only an endpoint that is down for days can cause.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ports::ledger::Ledger;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// How many messages are dropped per transaction.
const BATCH: u32 = 1_000;

/// The job.
pub(super) struct Sweep {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) keep: Duration,
}

#[async_trait]
impl Round for Sweep {
    fn name(&self) -> &'static str {
        "webhook sweep"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let dropped = self.ledger.drop_deliveries(self.keep, BATCH).await?;
        if dropped > 0 {
            tracing::warn!(dropped, "webhook messages waited for longer than webhooks.keep_seconds and are dropped");
        }
        Ok(if dropped >= u64::from(BATCH) { Pace::Again } else { Pace::Rest })
    }
}
