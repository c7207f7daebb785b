//! Webhook endpoints, and what waits for them.
//!
//! Whoever manages endpoints (HTTP API, command line) does so by `keybell_scheduler::webhooks::Desk`, which checks who
//! may, and derives the secrets.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;
use crate::clock::Millis;
use crate::ids::{DistrictId, WebhookId, WebhookMessageId};

/// An endpoint to be stored. Its secret is derived and never stored.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Its id.
    pub id: WebhookId,
    /// Its district.
    pub district: DistrictId,
    /// Who made it: a key's name, or `console`. An application sees and changes only its own.
    pub owner: String,
    /// Where its messages go.
    pub url: String,
    /// The events that it listens to, as [patterns](crate::webhook::Pattern).
    pub events: Vec<String>,
    /// The name of the master key that its secret is derived from.
    pub key_id: String,
}

/// Whether an endpoint is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// Messages go out.
    Active,
    /// Nothing goes out until somebody enables it.
    Disabled,
}

impl WebhookState {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for WebhookState {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            _ => Err(()),
        }
    }
}

/// An endpoint as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// Its district.
    pub district: DistrictId,
    /// Who made it.
    pub owner: String,
    /// Where its messages go.
    pub url: String,
    /// The events that it listens to.
    pub events: Vec<String>,
    /// Whether it is used.
    pub state: WebhookState,
    /// Why it is disabled.
    pub reason: Option<String>,
    /// The name of the master key that its secret is derived from.
    pub key_id: String,
    /// Counts its secrets, from 1.
    pub generation: i64,
    /// Until when the secret before the present one signs, too.
    pub previous_until: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When a message was last taken.
    pub last_success_at: Option<Millis>,
    /// When a try last failed.
    pub last_failure_at: Option<Millis>,
    /// Why that try failed.
    pub last_failure: Option<String>,
    /// How many tries failed since the last success.
    pub failures: i64,
    /// How many messages wait.
    pub waiting: i64,
    /// How many messages were dropped because they had waited for too long.
    pub dropped: i64,
}

/// An active endpoint with something to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWebhook {
    /// The endpoint.
    pub id: WebhookId,
    /// Where its messages go.
    pub url: String,
    /// The name of the master key that its secret is derived from.
    pub key_id: String,
    /// Counts its secrets.
    pub generation: i64,
    /// Whether the secret before the present one signs, too.
    pub overlap: bool,
    /// How many tries failed since the last success.
    pub failures: i64,
}

/// Which of the messages that are due are claimed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOrder {
    /// The one that is due for the longest: as a rule.
    DueFirst,
    /// The one that happened first: while an endpoint only fails, so that one message has its tries before the others.
    OldestFirst,
}

/// A message that was claimed for one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The message.
    pub id: WebhookMessageId,
    /// Its endpoint.
    pub webhook: WebhookId,
    /// Grows with each claim; a failure of an older claim is not counted.
    pub fence: i64,
    /// How many tries failed before.
    pub attempts: u32,
    /// The body, the same at every try.
    pub body: String,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryFate {
    /// It was taken.
    Delivered,
    /// It failed and is tried again after this.
    Retry(Duration),
    /// It failed, and the endpoint is disabled.
    Disable {
        /// The stable reason: `exhausted` or `gone`.
        reason: &'static str,
    },
    /// It was not tried; it may be claimed again at once.
    Untried,
}

/// One try's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The message.
    pub id: WebhookMessageId,
    /// Its endpoint.
    pub webhook: WebhookId,
    /// The claim's fence.
    pub fence: i64,
    /// What became of it.
    pub fate: DeliveryFate,
    /// Why it failed, in words; empty when it did not.
    pub detail: String,
}

/// What a round of handing out events did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedOut {
    /// Events that were looked at.
    pub events: u64,
    /// Messages that were written for endpoints.
    pub messages: u64,
}

/// What managing and delivering webhooks asks of the ledger.
#[async_trait]
pub trait WebhookLedger: Send + Sync {
    /// Stores an endpoint, unless the district has `most` already: then `None`. It gets what happens from now on.
    async fn add_webhook(&self, new: NewWebhook, most: u32) -> LedgerResult<Option<WebhookView>>;

    /// The district's endpoints, the oldest first; with `owner`, only those that one caller made.
    async fn webhooks(&self, district: DistrictId, owner: Option<&str>) -> LedgerResult<Vec<WebhookView>>;

    /// One endpoint of a district.
    async fn webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookView>>;

    /// Deletes an endpoint and what waits for it. Answers whether there was one.
    async fn remove_webhook(&self, district: DistrictId, id: WebhookId, by: &str) -> LedgerResult<bool>;

    /// The next generation of an endpoint's secret, derived from the master key `key_id`; the one before signs for
    /// another `overlap`, unless it was derived from another master key. `None` when there is no such endpoint.
    async fn rotate_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        key_id: &str,
        overlap: Duration,
    ) -> LedgerResult<Option<WebhookView>>;

    /// Uses an endpoint again: what waits is due at once and has all its tries before it. Messages older than `keep`
    /// are dropped and counted. Does nothing to an active one. `None` when there is no such endpoint.
    async fn enable_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        keep: Duration,
    ) -> LedgerResult<Option<WebhookView>>;

    /// Writes a message of kind [`TEST_EVENT`](crate::webhook::TEST_EVENT) for one endpoint. `None` when there is no
    /// such endpoint.
    async fn test_webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookMessageId>>;

    /// Writes a message for each event that was not looked at yet and each endpoint of its district that listens to it,
    /// at most `limit` events, in one transaction. Independent of [`OutboxLedger`](super::OutboxLedger): an event is
    /// handed out to webhooks and to the broker separately. An endpoint that has been disabled for longer than `keep`
    /// gets nothing.
    async fn hand_out_events(&self, limit: u32, keep: Duration) -> LedgerResult<HandedOut>;

    /// Active endpoints with something to send now, at most `limit`.
    async fn due_webhooks(&self, limit: u32) -> LedgerResult<Vec<DueWebhook>>;

    /// Claims messages that are due, at most `limit`: of one subject (an account, a task) only the oldest, and none whose
    /// older one still waits or is claimed. A claim ends after `lease`.
    async fn claim_deliveries(
        &self,
        webhook: WebhookId,
        order: ClaimOrder,
        limit: u32,
        lease: Duration,
    ) -> LedgerResult<Vec<WebhookDelivery>>;

    /// Stores results, in one transaction. A message that was taken is gone, whoever holds its claim now; a failure
    /// counts only if its claim still holds. Once `strikes` tries or more failed in a row, the endpoint is not due for
    /// `pause` after each failure; the first success afterwards makes everything due at once that waits for another try. A disabled endpoint is audited and announced as `webhook.disabled`. Answers the endpoints that
    /// this call disabled.
    async fn record_deliveries(
        &self,
        reports: &[DeliveryReport],
        strikes: u32,
        pause: Duration,
    ) -> LedgerResult<Vec<WebhookId>>;

    /// Drops messages older than `keep`, at most `limit`, and counts them at their endpoints. Answers how many.
    async fn drop_deliveries(&self, keep: Duration, limit: u32) -> LedgerResult<u64>;
}
