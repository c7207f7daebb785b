//! The work queues within one process: bounded, and never in the way of a publisher.
//!
//! What does not fit is refused, and comes again from the ledger once [`WorkQueue::room`] resolves. What is in memory
//! is lost with the process, and comes again from the ledger too.

mod consumer;
mod lane;

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::message::Message;
use keybell_shared::ports::queue::{Consumer, Source, WorkQueue};
use keybell_shared::stage::Stage;
use tokio::sync::Notify;

use lane::{Entry, Lane};

/// One bounded queue for each stage, and one for the dead letters.
pub struct MemoryQueue {
    reset: Arc<Lane>,
    email: Arc<Lane>,
    sms: Arc<Lane>,
    dead: Arc<Lane>,
    room: Arc<Notify>,
}

impl MemoryQueue {
    /// Empty queues that take `capacity_per_stage` messages each, not counting those in a consumer's hands.
    #[must_use]
    pub fn new(capacity_per_stage: usize) -> Arc<Self> {
        let room = Arc::new(Notify::new());
        let lane = || Arc::new(Lane::new(capacity_per_stage, Arc::clone(&room)));
        Arc::new(Self { reset: lane(), email: lane(), sms: lane(), dead: lane(), room })
    }

    fn lane(&self, source: Source) -> &Arc<Lane> {
        match source {
            Source::Stage(Stage::Reset) => &self.reset,
            Source::Stage(Stage::Email) => &self.email,
            Source::Stage(Stage::Sms) => &self.sms,
            Source::Dead => &self.dead,
        }
    }
}

#[async_trait]
impl WorkQueue for MemoryQueue {
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError> {
        let push = |message: &Message| {
            let entry = Entry { message: *message, redelivered: false };
            self.lane(Source::Stage(message.stage())).push(entry)
        };
        let taken: Vec<bool> = messages.iter().map(push).collect();
        super::count(messages, &taken);
        Ok(taken)
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Consumer, QueueError> {
        // What the consumer of the dead letters rejects has nowhere to go.
        let dead = (source != Source::Dead).then(|| Arc::clone(&self.dead));
        Ok(consumer::start(Arc::clone(self.lane(source)), dead, prefetch))
    }

    async fn depth(&self, stage: Stage) -> Result<u64, QueueError> {
        Ok(self.lane(Source::Stage(stage)).depth())
    }

    async fn consumers(&self, stage: Stage) -> Result<Option<u64>, QueueError> {
        Ok(Some(self.lane(Source::Stage(stage)).consumers()))
    }

    async fn room(&self) {
        self.room.notified().await;
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}
