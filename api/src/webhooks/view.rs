//! Webhook endpoints as version 1 of the API writes them.

use keybell_shared::clock::Millis;
use keybell_shared::ids::WebhookId;
use keybell_shared::ports::ledger::{WebhookState, WebhookView};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhook {
    id: WebhookId,
    /// Where its messages go.
    url: String,
    /// The events that it listens to.
    events: Vec<String>,
    /// Who made it.
    owner: String,
    /// `active`: messages go out. `disabled`: they wait until it is enabled.
    state: WebhookState,
    /// Why it is disabled: `exhausted` (a message was not taken after the last try) or `gone` (it answered 410).
    #[schema(required = true)]
    reason: Option<String>,
    /// How many messages wait.
    waiting: i64,
    /// How many tries failed since the last success.
    failures: i64,
    /// How many messages were dropped because they had waited for too long.
    dropped: i64,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// When a message was last taken; RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    last_success_at: Option<String>,
    /// When a try last failed; RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    last_failure_at: Option<String>,
    /// Why that try failed.
    #[schema(required = true)]
    last_failure: Option<String>,
    /// Until when the secret before the present one signs, too; RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    previous_secret_until: Option<String>,
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        Self {
            id: view.id,
            url: view.url,
            events: view.events,
            owner: view.owner,
            state: view.state,
            reason: view.reason,
            waiting: view.waiting,
            failures: view.failures,
            dropped: view.dropped,
            created_at: view.created_at.rfc3339(),
            last_success_at: view.last_success_at.map(Millis::rfc3339),
            last_failure_at: view.last_failure_at.map(Millis::rfc3339),
            last_failure: view.last_failure,
            previous_secret_until: view.previous_until.map(Millis::rfc3339),
        }
    }
}

/// The district's webhooks, or the caller's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhooks {
    /// The oldest first.
    pub(super) webhooks: Vec<Webhook>,
}

/// A webhook with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookWithSecret {
    #[serde(flatten)]
    pub(super) webhook: Webhook,
    /// What its messages are signed with, as Standard Webhooks libraries take it. Keep it like a password.
    #[schema(value_type = String, pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    #[serde(serialize_with = "shown")]
    pub(super) secret: SecretString,
}

impl From<(WebhookView, SecretString)> for WebhookWithSecret {
    fn from((view, secret): (WebhookView, SecretString)) -> Self {
        Self { webhook: view.into(), secret }
    }
}

fn shown<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
