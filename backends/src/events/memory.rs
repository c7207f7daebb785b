//! Events within the process.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::ports::events::{Event, EventSink};
use tokio::sync::broadcast;

/// How many events a slow listener may be behind before it misses some.
const CAPACITY: usize = 1024;

/// Hands events to whoever listens right now.
pub struct MemoryEvents(broadcast::Sender<Event>);

impl MemoryEvents {
    /// Nobody listens yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(broadcast::Sender::new(CAPACITY)))
    }

    /// Every event from now on. A listener that is more than 1,024 events behind misses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}

#[async_trait]
impl EventSink for MemoryEvents {
    async fn emit(&self, events: &[Event]) -> Result<(), QueueError> {
        for event in events {
            // An error only says that nobody listens.
            drop(self.0.send(event.clone()));
        }
        Ok(())
    }
}
