//! Upstream applications that publish requests by AMQP: who may, how much, and what they are answered.

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;
use crate::actor::Actor;
use crate::clock::Millis;
use crate::events::RequestRefused;
use crate::ids::{DistrictId, TaskId};

/// How many requests a producer may make in an hour, when nothing else was said.
pub const REQUESTS_PER_HOUR: u32 = 600;

/// What a producer may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// How many of its requests may become tasks within any hour. Repetitions and refused requests do not count.
    pub requests_per_hour: u32,
    /// How many accounts one request may reset; `None` is any number.
    pub accounts_per_request: Option<u32>,
}

/// A producer's quota as it is to be; what is `None` stays as it is, or becomes the default for a new producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaChange {
    /// See [`Quota::requests_per_hour`].
    pub requests_per_hour: Option<u32>,
    /// See [`Quota::accounts_per_request`]; 0 is any number.
    pub accounts_per_request: Option<u32>,
}

/// A producer, as the AMQP door knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Who it is, towards everything else.
    pub actor: Actor,
    /// What it may ask for.
    pub quota: Quota,
}

/// A producer as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProducerView {
    /// The broker user.
    pub name: String,
    /// What it may ask for.
    #[serde(flatten)]
    pub quota: Quota,
    /// How many of its requests became tasks within the last hour.
    pub requests_last_hour: u64,
    /// When it was allowed.
    pub created_at: Millis,
}

/// What the AMQP door and the console ask of the ledger.
#[async_trait]
pub trait ProducerLedger: Send + Sync {
    /// The upstream application that publishes under this broker user, if it may.
    async fn producer(&self, name: &str) -> LedgerResult<Option<Producer>>;

    /// Allows a broker user to publish for a district, or changes its quota. A user speaks for one district: a call for
    /// another district moves it. Answers the quota that holds now.
    async fn allow_producer(&self, by: &Actor, name: &str, change: QuotaChange) -> LedgerResult<Quota>;

    /// The producers of a district, by name.
    async fn producers(&self, district: DistrictId) -> LedgerResult<Vec<ProducerView>>;

    /// Forbids a producer of the district to publish. Answers whether there was one. Its tasks go on.
    async fn forbid_producer(&self, by: &Actor, name: &str) -> LedgerResult<bool>;

    /// Answers a repeated request: an event (`request.accepted`) for its producer. The first acceptance is answered in
    /// its own transaction.
    async fn answer_repetition(&self, actor: &Actor, message_id: &str, task: TaskId) -> LedgerResult<()>;

    /// Answers a refused request: an event (`request.refused`) for its producer, and an audit row.
    async fn refuse(&self, actor: &Actor, refusal: &RequestRefused) -> LedgerResult<()>;
}
