//! The AMQP door: bulk-reset requests that upstream applications publish.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::QueueError;
use crate::trace::TraceParent;

/// One published request, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRequest {
    /// The publishing application: the broker-checked `user_id` of the message. A message without it is refused.
    pub producer: Option<String>,
    /// The application's own id of the request; with `producer` the idempotency key.
    pub message_id: Option<String>,
    /// The content type, if the application gave one.
    pub content_type: Option<String>,
    /// How the body is packed, if the application says so. Only what is not packed is read.
    pub content_encoding: Option<String>,
    /// The trace that the application's request belongs to, if it said so.
    pub trace: Option<TraceParent>,
    /// The JSON text.
    pub body: Vec<u8>,
    /// Names it towards [`Answers`].
    pub tag: u64,
}

/// Where requests come in.
#[async_trait]
pub trait RequestQueue: Send + Sync {
    /// Starts taking requests.
    async fn consume(&self, prefetch: u16) -> Result<RequestConsumer, QueueError>;
}

/// A running consumer of requests.
pub struct RequestConsumer {
    /// The requests. `recv` answers `None` when the connection is lost: consume again.
    pub requests: tokio::sync::mpsc::Receiver<RawRequest>,
    /// Answers them.
    pub answers: Arc<dyn crate::ports::queue::Acks>,
}
