//! Measuring the fleet for the metrics: how much waits, since when, and who takes it. Nothing is decided by it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::metrics;
use keybell_shared::ports::ledger::OutboxLedger;
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::stage::Stage;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// How often it is measured; often enough for a scrape every 15 seconds.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// The measurement.
pub(crate) struct Measure<L: ?Sized> {
    /// Where the work is written down.
    pub(crate) ledger: Arc<L>,
    /// Where it waits.
    pub(crate) queue: Arc<dyn WorkQueue>,
}

#[async_trait]
impl<L: OutboxLedger + ?Sized> Round for Measure<L> {
    fn name(&self) -> &'static str {
        "measure"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let metrics = &metrics::get().scheduler;
        let backlog = self.ledger.backlog().await?;
        metrics.oldest(Stage::Reset, backlog.reset.as_secs_f64());
        metrics.oldest(Stage::Email, backlog.email.as_secs_f64());
        metrics.oldest(Stage::Sms, backlog.sms.as_secs_f64());
        metrics.outbox("exchange", backlog.events_waiting, backlog.events.as_secs_f64());
        metrics.outbox("webhook", backlog.webhooks_waiting, backlog.webhooks.as_secs_f64());
        for stage in Stage::ALL {
            let consumers = self.queue.consumers(stage).await?;
            metrics.queue(stage, self.queue.depth(stage).await?, consumers);
        }
        Ok(Pace::Rest)
    }
}
