//! The dead letters' second life.
//!
//! A message dies when a handler gave it up, or when it came back too often: mostly because it stood in a batch with
//! something that killed its worker. Here each lives again alone (prefetch 1). The ledger counts the deaths, and fails
//! the item or notification after [`MAX_DEAD`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::message::Message;
use keybell_shared::ports::ledger::{MAX_DEAD, RepairLedger};
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::retry::{RetryPolicy, delay_after};
use keybell_shared::stage::Stage;
use keybell_shared::verdict::Verdict;
use tracing::{debug, warn};

use crate::harness::{BatchRule, Handler};

/// The waits between two lives of the same message.
const LIVES: RetryPolicy = RetryPolicy {
    initial: Duration::from_millis(200),
    multiplier: 2.0,
    max: Duration::from_secs(2),
    jitter: 0.3,
};

/// The consumer of the dead letters. It hands messages to the handlers of the stages that run in this process, and puts
/// the others back on their queues.
pub fn handler(
    ledger: Arc<dyn RepairLedger>,
    queue: Arc<dyn WorkQueue>,
    stages: &[Arc<dyn Handler>],
    writer: String,
) -> Arc<dyn Handler> {
    let of_stage = |handler: &Arc<dyn Handler>| match handler.source() {
        Source::Stage(stage) => Some((stage, Arc::clone(handler))),
        Source::Dead => None,
    };
    Arc::new(DeadLetters { ledger, queue, stages: stages.iter().filter_map(of_stage).collect(), writer })
}

struct DeadLetters {
    ledger: Arc<dyn RepairLedger>,
    queue: Arc<dyn WorkQueue>,
    stages: HashMap<Stage, Arc<dyn Handler>>,
    writer: String,
}

#[async_trait]
impl Handler for DeadLetters {
    fn source(&self) -> Source {
        Source::Dead
    }

    fn prefetch(&self) -> u16 {
        1
    }

    fn batch(&self) -> BatchRule {
        BatchRule { max: 1, wait: Duration::ZERO }
    }

    async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for message in &batch {
            verdicts.push(self.live(message).await);
        }
        verdicts
    }
}

impl DeadLetters {
    /// All lives that a message has left.
    async fn live(&self, message: &Message) -> Verdict {
        let Message { district, task, work, .. } = message;
        // One more than there can be deaths, so that this ends even if the ledger forgot to count.
        for life in 1..=MAX_DEAD + 1 {
            match self.ledger.count_death(&self.writer, message).await {
                Ok(true) => {}
                Ok(false) => {
                    warn!(%district, %task, ?work, "a dead letter has no life left; the ledger knows how it ended");
                    return Verdict::Done;
                }
                Err(error) if error.is_passing() => return Verdict::Unsettled(error.to_string()),
                Err(error) => return Verdict::GiveUp(error.to_string()),
            }
            let Some(stage) = self.stages.get(&message.stage()) else { return self.put_back(message).await };
            debug!(%district, %task, ?work, life, "a dead letter lives again");
            match stage.handle(vec![*message]).await.pop() {
                Some(Verdict::GiveUp(reason)) => {
                    warn!(%district, %task, ?work, life, reason, "a dead letter died again");
                    tokio::time::sleep(delay_after(life, &LIVES)).await;
                }
                Some(verdict) => return verdict,
                None => return Verdict::Unsettled("the handler gave no verdict".to_owned()),
            }
        }
        Verdict::GiveUp("the ledger grants more lives than there are".to_owned())
    }

    /// Puts a message of a stage that runs elsewhere back on its queue.
    async fn put_back(&self, message: &Message) -> Verdict {
        match self.queue.publish(std::slice::from_ref(message)).await {
            Ok(there) if there == [true] => Verdict::Done,
            Ok(_) => Verdict::Unsettled(format!("the queue of `{}` does not take messages now", message.stage())),
            Err(error) => Verdict::Unsettled(error.to_string()),
        }
    }
}
