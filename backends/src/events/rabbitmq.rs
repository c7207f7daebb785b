//! Events on a topic exchange: `<prefix>.events`, routing key `<district>.<kind>`; an answer to a
//! published request goes to `<district>.<kind>.<producer>`, with its `correlation_id`.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::ports::events::{Event, EventSink};

use crate::queue::rabbitmq::RabbitQueue;

/// Publishes events on the queue's own publishing connection.
pub struct RabbitEvents(Arc<RabbitQueue>);

impl RabbitEvents {
    /// Events go over the publishing connection of `queue`.
    #[must_use]
    pub fn new(queue: &Arc<RabbitQueue>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(queue)))
    }
}

#[async_trait]
impl EventSink for RabbitEvents {
    async fn emit(&self, events: &[Event]) -> Result<(), QueueError> {
        self.0.publish_events(events).await
    }
}
