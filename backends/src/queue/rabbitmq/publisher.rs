//! Publishes a group of messages at once and waits, for a bounded time, until the broker has them all safely.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use keybell_shared::error::QueueError;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::message::Message;
use keybell_shared::ports::events::Event;
use keybell_shared::trace;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::timeout;

use super::errors::{explain, is_missing};
use super::live::{Live, late};
use super::topology::Topology;

/// How long the broker may take to confirm a group. Under a memory or disk alarm it never does.
const CONFIRM_WAIT: Duration = Duration::from_secs(10);

/// AMQP delivery mode: to be written to disk.
const PERSISTENT: u8 = 2;

/// One message, ready to go.
pub(super) struct Parcel {
    key: ShortString,
    /// Unique within its group.
    id: String,
    /// Whether a queue must take it.
    mandatory: bool,
    body: Vec<u8>,
    properties: BasicProperties,
}

impl Parcel {
    fn new(key: &str, id: String, body: Vec<u8>) -> Self {
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short(&id));
        Self { key: short(key), id, mandatory: true, body, properties }
    }

    /// A work message, the `at`-th of its group.
    pub(super) fn work(at: usize, message: &Message) -> Self {
        let mut parcel = Self::new(message.stage().as_str(), at.to_string(), message.encode());
        if let Some(place) = message.trace {
            let mut headers = FieldTable::default();
            headers.insert(trace::HEADER.into(), AMQPValue::LongString(place.to_string().into()));
            parcel.properties = parcel.properties.with_headers(headers);
        }
        parcel
    }

    /// A domain event; its message id is the event's number, so that listeners can tell a repetition.
    pub(super) fn event(event: &Event) -> Self {
        // Strings, numbers and a JSON value cannot fail to serialise.
        let body = serde_json::to_vec(event).unwrap_or_default();
        let mut parcel = Self::new(&event.routing_key(), event.id.to_string(), body);
        // Nobody has to listen.
        parcel.mandatory = false;
        parcel.properties = parcel
            .properties
            .with_type(short(&event.kind))
            .with_timestamp(u64::try_from(event.at.0 / 1000).unwrap_or_default());
        if let Some(answer) = event.answers().filter(|answer| !answer.message_id.is_empty()) {
            parcel.properties = parcel.properties.with_correlation_id(short(answer.message_id));
        }
        parcel
    }
}

/// A short string of AMQP has at most 255 bytes, and the client panics on a longer one.
fn short(text: &str) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}

/// Publishes `parcels` and answers for each, in order, whether the broker has it safely. Where it has not, most likely
/// somebody deleted an exchange, a queue or a binding, so the topology is declared again.
///
/// # Errors
/// When the answers did not come: some may have been taken.
pub(super) async fn publish(
    live: &Live,
    topology: &Topology,
    exchange: ShortString,
    parcels: &[Parcel],
) -> Result<Vec<bool>, QueueError> {
    let result = publish_once(live, exchange, parcels).await;
    let refused = match &result {
        Ok(safe) => safe.iter().filter(|safe| !**safe).count(),
        Err(error) if is_missing(error) => parcels.len(),
        Err(_) => 0,
    };
    if refused > 0 {
        tracing::warn!(refused, of = parcels.len(), "the broker did not take messages; declaring the queues again");
        if let Err(error) = live.restore(topology).await {
            tracing::warn!(%error, "the queues could not be declared again");
        }
    }
    result.map_err(|error| explain("publishing", &error))
}

async fn publish_once(live: &Live, exchange: ShortString, parcels: &[Parcel]) -> lapin::Result<Vec<bool>> {
    // A channel for this group alone: the client hands a returned message to whichever confirm comes next, so with two
    // groups on one channel it could end up with the wrong one.
    let channel = live.confirming_channel().await?;
    let Ok(sent) = timeout(CONFIRM_WAIT, send(&channel, exchange, parcels)).await else {
        live.give_up(channel);
        return Err(late(CONFIRM_WAIT));
    };
    if sent.is_ok() {
        live.give_back(channel);
    }
    sent
}

async fn send(channel: &Channel, exchange: ShortString, parcels: &[Parcel]) -> lapin::Result<Vec<bool>> {
    let publishing = parcels.iter().map(|parcel| {
        let options = BasicPublishOptions { mandatory: parcel.mandatory, ..BasicPublishOptions::default() };
        channel.basic_publish(exchange.clone(), parcel.key.clone(), options, &parcel.body, parcel.properties.clone())
    });
    // The first wait is for the socket, the second for the broker; both for the whole group at once.
    let confirms = try_join_all(publishing).await?;
    if fault::off(Mechanism::Confirms) {
        return Ok(vec![true; parcels.len()]);
    }
    let confirmations = try_join_all(confirms).await?;

    let mut safe = Vec::with_capacity(confirmations.len());
    let mut returned = HashSet::new();
    for confirmation in confirmations {
        // A message that no queue takes is returned and confirmed. Its confirmation is the next one that arrives, not
        // always its own, so the returned message itself has to say which one it is.
        let (taken, back) = match confirmation {
            Confirmation::Ack(back) => (true, back),
            Confirmation::Nack(back) => (false, back),
            Confirmation::NotRequested => (false, None),
        };
        safe.push(taken);
        returned.extend(back.and_then(|message| message.properties.message_id().as_ref().map(ToString::to_string)));
    }
    for (safe, parcel) in safe.iter_mut().zip(parcels) {
        *safe = *safe && !returned.contains(&parcel.id);
    }
    Ok(safe)
}
