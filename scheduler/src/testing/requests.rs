//! The AMQP door's queue: the test publishes, and sees what was acknowledged and what was rejected.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::ports::queue::Acks;
use keybell_shared::ports::requests::{RawRequest, RequestConsumer, RequestQueue};
use tokio::sync::mpsc;

/// Hands out prepared connections, one per call; after the last one it cannot be reached.
#[derive(Default)]
pub(crate) struct FakeRequests {
    pub(crate) connections: Mutex<VecDeque<RequestConsumer>>,
    pub(crate) calls: Mutex<usize>,
}

impl FakeRequests {
    /// Prepares one more connection. Dropping the sender loses it.
    pub(crate) fn connection(&self, answers: &Arc<FakeAnswers>) -> mpsc::Sender<RawRequest> {
        let (publish, requests) = mpsc::channel(16);
        let answers: Arc<FakeAnswers> = Arc::clone(answers);
        self.connections.lock().unwrap().push_back(RequestConsumer { requests, answers });
        publish
    }
}

#[async_trait]
impl RequestQueue for FakeRequests {
    async fn consume(&self, _: u16) -> Result<RequestConsumer, QueueError> {
        *self.calls.lock().unwrap() += 1;
        let next = self.connections.lock().unwrap().pop_front();
        next.ok_or_else(|| QueueError::Unavailable("no connection was prepared".into()))
    }
}

/// Notes the answers.
#[derive(Default)]
pub(crate) struct FakeAnswers {
    pub(crate) acked: Mutex<Vec<u64>>,
    pub(crate) rejected: Mutex<Vec<u64>>,
    pub(crate) stopped: Mutex<bool>,
}

#[async_trait]
impl Acks for FakeAnswers {
    async fn ack(&self, tags: &[u64]) -> Result<(), QueueError> {
        self.acked.lock().unwrap().extend(tags);
        Ok(())
    }

    async fn reject(&self, tag: u64) -> Result<(), QueueError> {
        self.rejected.lock().unwrap().push(tag);
        Ok(())
    }

    async fn stop(&self) -> Result<(), QueueError> {
        *self.stopped.lock().unwrap() = true;
        Ok(())
    }
}
