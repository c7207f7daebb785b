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
const LIVES: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), multiplier: 2.0, max: Duration::from_secs(2), jitter: 0.3 };

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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use keybell_shared::ids::NotificationId;
    use keybell_shared::message::Work;

    use super::*;
    use crate::fakes::{FakeLedger, FakeQueue, reset_message};

    /// Gives up until its verdicts are used up, then it is done.
    struct Stubborn(Mutex<Vec<Verdict>>);

    #[async_trait]
    impl Handler for Stubborn {
        fn source(&self) -> Source {
            Source::Stage(Stage::Reset)
        }
        fn prefetch(&self) -> u16 {
            4
        }
        fn batch(&self) -> BatchRule {
            BatchRule { max: 4, wait: Duration::ZERO }
        }
        async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict> {
            assert_eq!(batch.len(), 1, "a dead letter lives alone");
            vec![self.0.lock().expect("lock").pop().unwrap_or(Verdict::Done)]
        }
    }

    fn dead(ledger: &FakeLedger, queue: &FakeQueue, verdicts: Vec<Verdict>) -> Arc<dyn Handler> {
        let stages: [Arc<dyn Handler>; 1] = [Arc::new(Stubborn(Mutex::new(verdicts)))];
        handler(Arc::new(ledger.clone()), Arc::new(queue.clone()), &stages, "worker-test-1".into())
    }

    #[tokio::test]
    async fn a_dead_letter_lives_until_it_is_done() {
        let (ledger, queue) = (FakeLedger::default(), FakeQueue::default());
        let stage = dead(&ledger, &queue, vec![Verdict::GiveUp("bad".into())]);
        assert_eq!(stage.handle(vec![reset_message(1)]).await, [Verdict::Done]);
        assert_eq!(ledger.rows().deaths, 2);
    }

    #[tokio::test]
    async fn a_dead_letter_without_a_life_left_is_acknowledged() {
        let (ledger, queue) = (FakeLedger::default(), FakeQueue::default());
        let stage = dead(&ledger, &queue, vec![Verdict::GiveUp("bad".into()); 99]);
        assert_eq!(stage.handle(vec![reset_message(1)]).await, [Verdict::Done]);
        assert_eq!(ledger.rows().deaths, MAX_DEAD + 1);
    }

    #[tokio::test]
    async fn outages_keep_the_dead_letter() {
        let (ledger, queue) = (FakeLedger::default(), FakeQueue::default());
        let stage = dead(&ledger, &queue, vec![Verdict::Unsettled("away".into())]);
        assert_eq!(stage.handle(vec![reset_message(1)]).await, [Verdict::Unsettled("away".into())]);
        ledger.rows().down = true;
        assert!(matches!(stage.handle(vec![reset_message(1)]).await[..], [Verdict::Unsettled(_)]));
    }

    #[tokio::test]
    async fn messages_of_stages_that_run_elsewhere_are_put_back() {
        let (ledger, queue) = (FakeLedger::default(), FakeQueue::default());
        let stage = dead(&ledger, &queue, Vec::new());
        let email = Message { work: Work::Email(NotificationId(7)), ..reset_message(1) };
        assert_eq!(stage.handle(vec![email]).await, [Verdict::Done]);
        assert_eq!(queue.broker().published, [email]);
        queue.broker().full = true;
        assert!(matches!(stage.handle(vec![email]).await[..], [Verdict::Unsettled(_)]));
        queue.broker().down = true;
        assert!(matches!(stage.handle(vec![email]).await[..], [Verdict::Unsettled(_)]));
    }
}
