//! Where webhooks leave.

use std::time::Duration;

use async_trait::async_trait;

/// One try at one message, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookCall {
    /// The endpoint's URL.
    pub url: String,
    /// The message's id; the same on every try.
    pub id: String,
    /// The time of this try, in seconds since 1970.
    pub timestamp: i64,
    /// The signatures.
    pub signature: String,
    /// The body, JSON.
    pub body: String,
}

/// How a try ended. What is said about a failure holds nothing that the endpoint sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// The endpoint took it (2xx).
    Taken,
    /// The endpoint said that it wants no more (410).
    Gone,
    /// It was not taken, or nobody knows.
    Failed {
        /// Why, in words.
        detail: String,
        /// What the endpoint asked for: not earlier than this.
        retry_after: Option<Duration>,
    },
}

/// Sends webhooks by HTTP.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Whether a URL may be registered: `https`, no credentials, no fragment, no address that is not public. A name is
    /// looked up again at each try.
    ///
    /// # Errors
    /// Says in words what does not fit; never repeats the URL.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Makes one try; always ends within the configured time.
    async fn send(&self, call: &WebhookCall) -> WebhookAnswer;
}
