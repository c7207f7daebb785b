//! The one consume loop. Every stage, and the dead letters, run on it.
//!
//! A [`Handler`] says what to do with a batch of messages and answers a verdict for each; this loop does everything else
//! exactly once: gathering batches, running several at a time, acknowledging, dead-lettering, stopping in two steps, and
//! coming back after an outage of the broker or the ledger.

mod batch;
mod outage;
mod pump;
mod spans;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::message::Message;
use keybell_shared::metrics;
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::verdict::Verdict;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use outage::{Kind, Outage};
use pump::{End, Pump};

/// How messages are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchRule {
    /// The most messages of one batch; at least 1.
    pub max: usize,
    /// How long the first message of a batch waits for more.
    pub wait: Duration,
}

/// What one stage does with its messages.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Where the messages come from.
    fn source(&self) -> Source;

    /// The most unacknowledged messages. Together with the batch size it bounds how many batches run at a time: what
    /// fits into the prefetch, at least one.
    fn prefetch(&self) -> u16;

    /// How messages are gathered.
    fn batch(&self) -> BatchRule;

    /// Handles a batch. Answers in the same order and number. A panic counts as [`Verdict::Unsettled`] for the batch.
    async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict>;

    /// While this is pending, nothing is consumed (a breaker).
    ///
    /// It is awaited before every start, and polled once after every settled batch: it must be safe to drop and must not
    /// be pending for any other reason. When it turns pending, the messages that were already prefetched are still handed
    /// to [`Self::handle`], which puts them back in the ledger with a due time, so that an outage does not use up their
    /// deliveries.
    async fn ready(&self) {}
}

/// The two steps of stopping.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Take nothing new, finish what is in hand.
    pub soft: CancellationToken,
    /// Drop everything at once.
    pub hard: CancellationToken,
}

/// Consumes until it is told to stop. After a soft stop it finishes what is in hand within `drain`.
pub async fn run(queue: Arc<dyn WorkQueue>, handler: Arc<dyn Handler>, stop: Stop, drain: Duration) {
    let source = handler.source();
    tokio::select! {
        biased;
        () = stop.hard.cancelled() => info!(?source, "stopped at once; what was in hand will be delivered again"),
        () = serve(queue.as_ref(), handler, &stop.soft, drain) => debug!(?source, "stopped"),
    }
}

/// One consumer after the other, until the soft stop.
async fn serve(queue: &dyn WorkQueue, handler: Arc<dyn Handler>, soft: &CancellationToken, drain: Duration) {
    let source = handler.source();
    let metrics = metrics::get().worker.source(source);
    let mut outage = Outage::new(source);
    loop {
        let opened = async {
            handler.ready().await;
            queue.consume(source, handler.prefetch().max(1)).await
        };
        match soft.run_until_cancelled(opened).await {
            None => return,
            Some(Err(error)) => outage.begin(Kind::Broker, &error.to_string()),
            Some(Ok(consumer)) => {
                debug!(?source, "consuming");
                metrics.consuming.set(1);
                let end =
                    Pump::new(consumer, Arc::clone(&handler), &mut outage, metrics.clone()).run(soft, drain).await;
                metrics.consuming.set(0);
                match end {
                    End::Stopped => return,
                    // The next round waits for the handler; that is no outage of ours.
                    End::NotReady => continue,
                    End::Lost => outage.begin(Kind::Broker, "the connection to the broker was lost"),
                    End::Unsettled(reason) => outage.begin(Kind::Ledger, &reason),
                }
            }
        }
        if soft.run_until_cancelled(tokio::time::sleep(outage.pause())).await.is_none() {
            return;
        }
    }
}
