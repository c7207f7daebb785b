//! What the doctor is told about the broker.

use std::time::Duration;

use futures_util::StreamExt as _;
use keybell_shared::error::QueueError;
use keybell_shared::ports::queue::Source;
use keybell_shared::stage::Stage;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{BasicProperties, Connection};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect;
use super::errors::{explain, is_missing};
use super::topology::Topology;
use crate::examine::{Gathered, Seen, within};

/// No broker takes longer to answer the doctor; quorum queues that are declared for the first time take a while each.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long the broker may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a message may take through the broker and back.
const ROUND_TRIP: Duration = Duration::from_secs(2);

/// Looks at the broker at `url`: its version, our rights on the names under `prefix`, how the queues were declared, and
/// what waits in them.
pub async fn examine(url: &SecretString, prefix: &str) -> Vec<Seen> {
    within(PATIENCE, |gathered| async move {
        if let Err(error) = look(url, prefix, &gathered).await {
            gathered.push(Seen::wrong(error.to_string()));
        }
    })
    .await
}

async fn look(url: &SecretString, prefix: &str, gathered: &Gathered) -> Result<(), QueueError> {
    let opening = tokio::time::timeout(CONNECT, connect::open(url, "doctor")).await;
    let (connection, socket) = opening.unwrap_or_else(|_| {
        Err(QueueError::Unavailable(format!("no answer within {} s (broker.url)", CONNECT.as_secs())))
    })?;
    let version = tokio::time::timeout(ROUND_TRIP, version(url)).await.ok().flatten();
    let version = version.unwrap_or_else(|| "of a version that it does not tell over TLS".to_owned());
    gathered.push(Seen::fine(format!("RabbitMQ {version}")));
    let topology = Topology::new(prefix);
    let looked = async {
        if !declared(&connection, &topology, prefix, gathered).await? {
            return Ok(());
        }
        for source in Stage::ALL.map(Source::Stage).into_iter().chain([Source::Dead]) {
            gathered.push(queue(&connection, &topology, source).await.map_err(|error| explain("the queues", &error))?);
        }
        gathered.push(match round_trip(&connection, &topology).await {
            Ok(()) => Seen::fine("our user may declare, publish and consume: a message went through and came back"),
            Err(error) => Seen::wrong(explain("a message could not go through and come back", &error).to_string()),
        });
        Ok(())
    }
    .await;
    socket.cut();
    looked
}

/// Whether every queue is there as this build needs it. Makes none: a mistyped prefix must not leave queues behind. A
/// queue that is there is declared once more, which only compares its arguments, on a channel of its own, which a
/// refusal closes.
async fn declared(
    connection: &Connection,
    topology: &Topology,
    prefix: &str,
    gathered: &Gathered,
) -> Result<bool, QueueError> {
    let (mut all, mut fine) = (0, 0);
    for queue in topology.queues() {
        all += 1;
        let name = queue.name.clone();
        let channel = connection.create_channel().await.map_err(|error| explain("the broker", &error))?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        match channel.queue_declare(name.clone(), passive, FieldTable::default()).await {
            Ok(_) => match queue.declare(&channel).await {
                Ok(()) => fine += 1,
                Err(error) => gathered.push(Seen::wrong(error.to_string())),
            },
            Err(error) if is_missing(&error) => gathered.push(Seen::warning(format!(
                "the queue {name} is not there yet; `keybell scheduler` and `keybell worker` make it when they start. If they \
                 run, look at broker.prefix"
            ))),
            Err(error) => return Err(explain(name.as_str(), &error)),
        }
    }
    if fine == all {
        gathered.push(Seen::fine(format!("every queue under `{prefix}.` is declared as this build needs it")));
    }
    Ok(fine == all)
}

async fn queue(connection: &Connection, topology: &Topology, source: Source) -> lapin::Result<Seen> {
    let name = topology.source(source);
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    let state = connection.create_channel().await?.queue_declare(name.clone(), passive, FieldTable::default()).await?;
    let (waiting, consumers) = (state.message_count(), state.consumer_count());
    let detail = format!("{name}: {waiting} messages wait, {consumers} consumers");
    Ok(match source {
        _ if consumers == 0 => Seen::warning(format!("{detail}; nobody takes them: start `keybell worker`")),
        Source::Dead if waiting > 0 => Seen::warning(format!("{detail}; see docs/operations.md#dead-letters")),
        Source::Dead | Source::Stage(_) => Seen::fine(detail),
    })
}

/// Sends a message over our own exchange to a queue of this connection alone, which is gone with it.
async fn round_trip(connection: &Connection, topology: &Topology) -> lapin::Result<()> {
    let key: ShortString = format!("doctor-{}", uuid::Uuid::new_v4().simple()).into();
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(topology.name(key.as_str()), own, FieldTable::default()).await?;
    let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue.name().clone(), topology.work(), key.clone(), bind, none.clone()).await?;
    let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut consumer = channel.basic_consume(queue.name().clone(), key.clone(), consume, none).await?;
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(topology.work(), key, mandatory, b"", BasicProperties::default()).await?;
    sent.await?;
    match tokio::time::timeout(ROUND_TRIP, consumer.next()).await {
        Ok(Some(Ok(_))) => Ok(()),
        Ok(Some(Err(error))) => Err(error),
        Ok(None) | Err(_) => Err(super::live::late(ROUND_TRIP)),
    }
}

/// The version in the broker's greeting, which the client library does not pass on. Not over TLS.
async fn version(url: &SecretString) -> Option<String> {
    let uri: AMQPUri = url.expose_secret().parse().ok()?;
    if uri.scheme != AMQPScheme::AMQP {
        return None;
    }
    let mut stream = tokio::net::TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).await.ok()?;
    stream.write_all(b"AMQP\0\0\x09\x01").await.ok()?;
    let mut greeting = vec![0; 4096];
    let mut length = 0;
    loop {
        let read = stream.read(greeting.get_mut(length..)?).await.ok()?;
        length += read;
        if let Some(version) = version_in(greeting.get(..length)?) {
            return Some(version);
        }
        if read == 0 {
            return None;
        }
    }
}

/// The text behind the field `version` of the greeting's table: its type `S`, its length in four bytes, itself.
fn version_in(greeting: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"\x07versionS";
    let at = greeting.windows(FIELD.len()).position(|window| window == FIELD)?;
    let (length, rest) = greeting.get(at + FIELD.len()..)?.split_first_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_greeting_and_from_nothing_else() {
        let greeting = b"\x01\0\0\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.13.7\x08platformS\0\0";
        assert_eq!(version_in(greeting).as_deref(), Some("3.13.7"));
        for end in 0..greeting.len() - 14 {
            assert_eq!(version_in(&greeting[..end]), None, "{end}");
        }
        assert_eq!(version_in(b"\x07versionS\xff\xff\xff\xff3"), None);
    }
}
