//! Domain events on their way out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::error::QueueError;
use crate::ids::DistrictId;

/// Something that happened and that upstream applications may want to know. Carries ids and codes only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The ledger's number of the event; ascending, not gapless.
    pub id: i64,
    /// The district it belongs to.
    pub district: DistrictId,
    /// What happened: `task.accepted`, `task.completed`, `account.credential_reset`, `request.refused`, …
    pub kind: String,
    /// The facts, as a JSON object.
    pub body: serde_json::Value,
    /// When.
    pub at: Millis,
}

/// Where events go (a topic exchange, or a channel within the process when embedded). At least once.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Hands events on; answers once they are safe.
    async fn emit(&self, events: &[Event]) -> Result<(), QueueError>;
}
