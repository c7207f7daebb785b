//! Handing domain events on to upstream applications, at least once and the oldest first.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::fault::{self, Window};
use keybell_shared::ports::events::EventSink;
use keybell_shared::ports::ledger::OutboxLedger;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// Events handed on per round.
const LIMIT: u32 = 500;

/// The event relay.
pub(crate) struct Relay<L: ?Sized> {
    /// Where the events wait.
    pub(crate) ledger: Arc<L>,
    /// Where they go.
    pub(crate) sink: Arc<dyn EventSink>,
}

#[async_trait]
impl<L: OutboxLedger + ?Sized> Round for Relay<L> {
    fn name(&self) -> &'static str {
        "relay"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let events = self.ledger.unsent_events(LIMIT).await?;
        if events.is_empty() {
            return Ok(Pace::Rest);
        }
        self.sink.emit(&events).await?;
        // A crash here repeats them; their ids let the receiver see it.
        fault::point(Window::EventsPublished).await;
        let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
        self.ledger.events_sent(&ids).await?;
        Ok(if events.len() >= LIMIT as usize { Pace::Again } else { Pace::Rest })
    }
}
