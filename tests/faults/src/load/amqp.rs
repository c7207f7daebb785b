//! An upstream application at the AMQP door, as `docs/amqp.md` describes one: it publishes with confirms, hears its answers
//! on a queue of its own, and publishes the same message again when it hears nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties, Consumer};
use serde_json::Value;
use tokio::sync::{Mutex as Turn, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::ground::Ground;
use crate::evidence::Answer;

/// How long the broker may take for one step.
const STEP: Duration = Duration::from_secs(5);

/// How long an answer is waited for before the message is published again.
const ANSWER: Duration = Duration::from_secs(10);

/// AMQP delivery mode: to be written to disk.
const PERSISTENT: u8 = 2;

/// The answers that were heard, by message id: how many, and the last one.
type Answers = HashMap<String, (u64, Answer)>;

/// An application that is allowed to publish requests for one district.
pub(super) struct Producer {
    url: String,
    user: String,
    prefix: String,
    answers: Arc<Mutex<Answers>>,
    /// Grows with every answer.
    heard: Arc<watch::Sender<u64>>,
    open: Turn<Option<Open>>,
}

/// A connection that listens.
struct Open {
    connection: Arc<Connection>,
    listening: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Producer {
    /// The broker user of this URL.
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self> {
        let user = user(url)?;
        let (answers, heard) = (Arc::default(), Arc::new(watch::Sender::new(0)));
        Ok(Self { url: url.to_owned(), user, prefix: prefix.to_owned(), answers, heard, open: Turn::new(None) })
    }

    /// Publishes a request until it is answered. Its key is the message's id.
    pub(super) async fn ask(&self, ground: &Ground, key: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let before = self.answer(key).map_or(0, |(times, _)| times);
        while !ground.gives_up() {
            // What went wrong is the broker's affair; the next turn connects anew.
            if self.publish(key, body.as_bytes()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            if let Some(answer) = self.wait(key, before).await {
                return answer;
            }
        }
        Answer::Unknown
    }

    /// The answer to this message that comes after so many, if it comes in time.
    async fn wait(&self, key: &str, before: u64) -> Option<Answer> {
        let mut heard = self.heard.subscribe();
        let answer = async {
            loop {
                if let Some((_, answer)) = self.answer(key).filter(|(times, _)| *times > before) {
                    return Some(answer);
                }
                heard.changed().await.ok()?;
            }
        };
        timeout(ANSWER, answer).await.ok().flatten()
    }

    fn answer(&self, key: &str) -> Option<(u64, Answer)> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    async fn publish(&self, key: &str, body: &[u8]) -> Result<()> {
        let published = timeout(STEP * 4, self.publish_once(key, body)).await.context("the broker is too slow")?;
        if published.is_err() {
            // A channel that was refused says little about its connection; a new one is cheap.
            *self.open.lock().await = None;
        }
        published
    }

    async fn publish_once(&self, key: &str, body: &[u8]) -> Result<()> {
        let connection = self.connection().await?;
        // A channel for this message alone: a returned message is told with the next confirm of its channel.
        let channel = timeout(STEP, connection.create_channel()).await??;
        timeout(STEP, channel.confirm_select(ConfirmSelectOptions::default())).await??;
        let properties = BasicProperties::default()
            .with_user_id(self.user.as_str().into())
            .with_message_id(key.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = channel.basic_publish(self.name("requests"), "request".into(), options, body, properties);
        let confirmed = timeout(STEP, timeout(STEP, sent).await??).await??;
        let closing = channel.close(200, "done".into());
        // What becomes of the channel does not matter any more.
        drop(timeout(STEP, closing).await);
        ensure!(matches!(confirmed, Confirmation::Ack(None)), "the broker did not take the request");
        Ok(())
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref()
            && open.connection.status().connected()
            && !open.listening.is_finished()
        {
            return Ok(Arc::clone(&open.connection));
        }
        *open = None;
        let connecting = Connection::connect(&self.url, ConnectionProperties::default());
        let connection = Arc::new(timeout(STEP, connecting).await??);
        let consumer = timeout(STEP, self.listen(&connection)).await??;
        let listening = tokio::spawn(hear(consumer, Arc::clone(&self.answers), Arc::clone(&self.heard)));
        *open = Some(Open { connection: Arc::clone(&connection), listening: listening.abort_handle() });
        Ok(connection)
    }

    /// Its own queue, bound to its own answers. It is there before anything is published.
    async fn listen(&self, connection: &Connection) -> Result<Consumer> {
        let channel = connection.create_channel().await?;
        let queue = self.answers_queue();
        let mut quorum = FieldTable::default();
        quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), quorum).await?;
        let answers = format!("*.request.*.{}", self.user);
        let (bind, table) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(queue.clone(), self.name("events"), answers.into(), bind, table).await?;
        let options = BasicConsumeOptions::default();
        Ok(channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?)
    }

    /// Leaves nothing on the broker.
    pub(super) async fn leave(&self) {
        let leaving = async {
            let connection = self.connection().await?;
            let channel = connection.create_channel().await?;
            channel.queue_delete(self.answers_queue(), QueueDeleteOptions::default()).await?;
            connection.close(200, "done".into()).await?;
            anyhow::Ok(())
        };
        // A broker that is away has nothing to be tidied up, and the run goes on.
        drop(timeout(STEP, leaving).await);
        *self.open.lock().await = None;
    }

    fn answers_queue(&self) -> ShortString {
        self.name(&format!("answers.{}", self.user))
    }

    fn name(&self, word: &str) -> ShortString {
        format!("{}.{word}", self.prefix).into()
    }
}

/// The broker user of a URL.
pub(super) fn user(url: &str) -> Result<String> {
    // The URL holds a password, so that it is not repeated.
    let uri: lapin::uri::AMQPUri = url.parse().ok().context("the broker's URL cannot be read")?;
    Ok(uri.authority.userinfo.username)
}

async fn hear(mut consumer: Consumer, answers: Arc<Mutex<Answers>>, heard: Arc<watch::Sender<u64>>) {
    while let Some(Ok(delivery)) = consumer.next().await {
        if let Some((key, answer)) = read(&delivery.data) {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            let times = answers.get(&key).map_or(0, |(times, _)| *times);
            answers.insert(key, (times + 1, answer));
        }
        heard.send_modify(|heard| *heard += 1);
        if delivery.ack(BasicAckOptions::default()).await.is_err() {
            return;
        }
    }
}

/// Whose answer an event is, and what it says. `internal` is no answer: the same message is to be published again.
fn read(event: &[u8]) -> Option<(String, Answer)> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let text = |name: &str| event.pointer(&format!("/body/{name}")).and_then(Value::as_str);
    let answer = match event.get("kind")?.as_str()? {
        "request.accepted" => Answer::Accepted(text("task")?.parse().ok()?),
        "request.refused" => Answer::Refused(text("code").filter(|code| *code != "internal")?.to_owned()),
        _ => return None,
    };
    Some((text("message_id")?.to_owned(), answer))
}

#[cfg(test)]
mod tests {
    use keybell_shared::ids::TaskId;
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_and_a_defect_is_none() {
        let task = TaskId::fresh();
        let event = |kind: &str, body: Value| read(json!({"kind": kind, "body": body}).to_string().as_bytes());
        let accepted = event("request.accepted", json!({"message_id": "m-1", "task": task}));
        assert_eq!(accepted, Some(("m-1".to_owned(), Answer::Accepted(task))));
        let refused = event("request.refused", json!({"message_id": "m-2", "code": "selection.empty"}));
        assert_eq!(refused, Some(("m-2".to_owned(), Answer::Refused("selection.empty".to_owned()))));
        assert_eq!(event("request.refused", json!({"message_id": "m-3", "code": "internal"})), None);
        assert_eq!(event("task.accepted", json!({})), None);
    }

    #[test]
    fn the_user_is_that_of_the_url() {
        assert_eq!(user("amqp://sis:secret@127.0.0.1:5672/%2f").unwrap(), "sis");
        assert!(!user("secret").unwrap_err().to_string().contains("secret"));
    }
}
