//! One prefix on RabbitMQ, and raw access to it.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use keybell_shared::clock::{Millis, wall};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use serde_json::Value;
use tokio::sync::OnceCell;

/// The queues that Keybell has.
const QUEUES: [&str; 5] = ["requests", "reset", "email", "sms", "dead"];

/// The exchanges that Keybell has.
const EXCHANGES: [&str; 4] = ["work", "requests", "events", "dead"];

/// The names of one test on the broker; they are deleted with it.
pub struct Broker {
    url: String,
    prefix: String,
    connection: OnceCell<Connection>,
    /// Further queues that the test may leave behind.
    others: Mutex<Vec<String>>,
}

impl Broker {
    /// Names that begin with `prefix` and a dot.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { url: url(), prefix: prefix.to_owned(), connection: OnceCell::new(), others: Mutex::default() }
    }

    /// Where the broker is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A name on the broker.
    #[must_use]
    pub fn name(&self, word: &str) -> String {
        format!("{}.{word}", self.prefix)
    }

    /// How many messages are ready in each of Keybell's queues, such as `("email", 3)`.
    ///
    /// # Panics
    /// When there is no such queue.
    pub async fn ready(&self) -> Vec<(&'static str, u32)> {
        let mut found = Vec::new();
        for word in QUEUES {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let queue = self.channel().await.queue_declare(self.short(word), passive, FieldTable::default()).await;
            let queue = queue.unwrap_or_else(|error| panic!("the queue {}: {error}", self.name(word)));
            found.push((word, queue.message_count()));
        }
        found
    }

    /// Whether this queue was declared.
    pub async fn exists(&self, word: &str) -> bool {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.channel().await.queue_declare(self.short(word), passive, FieldTable::default()).await.is_ok()
    }

    /// Deletes a queue with everything in it.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn delete_queue(&self, word: &str) {
        let deleted = self.channel().await.queue_delete(self.short(word), QueueDeleteOptions::default()).await;
        deleted.unwrap_or_else(|error| panic!("{}: {error}", self.name(word)));
    }

    /// Listens to all events from now on, as another application would; the exchange must be there.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn listen(&self) -> Listener {
        let channel = self.channel().await;
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), own, FieldTable::default()).await.unwrap_or_else(refused);
        let (bind, table) = (QueueBindOptions::default(), FieldTable::default());
        let bound = channel.queue_bind(queue.name().clone(), self.short("events"), "#".into(), bind, table).await;
        bound.unwrap_or_else(refused);
        let (name, options) = (queue.name().clone(), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(name, "".into(), options, FieldTable::default()).await;
        Listener {
            consumer: consumer.unwrap_or_else(refused),
            heard: Vec::new(),
            arrived: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// Deletes this queue with the others, too, if it is there after the test.
    pub fn also_delete(&self, word: &str) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(word.to_owned());
    }

    /// The prefix of all names.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn short(&self, word: &str) -> ShortString {
        self.name(word).into()
    }

    async fn channel(&self) -> Channel {
        let connection = self.connection.get_or_init(|| connect(&self.url)).await;
        connection.create_channel().await.unwrap_or_else(|error| panic!("no channel: {error}"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        let others = Mutex::new(self.others.lock().unwrap_or_else(PoisonError::into_inner).clone());
        // A thread of its own, because the test's runtime may be ending.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
            let broker = std::mem::ManuallyDrop::new(Self { url, prefix, connection: OnceCell::new(), others });
            runtime.block_on(clean(&broker));
        });
        let cleaned = cleaning.join().is_ok() || std::thread::panicking();
        assert!(cleaned, "the names that begin with {} could not be deleted from the broker", self.prefix);
    }
}

async fn clean(broker: &Broker) {
    let others = broker.others.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for word in others {
        broker.delete_queue(&word).await;
    }
    for word in QUEUES {
        broker.delete_queue(word).await;
    }
    for word in EXCHANGES {
        let channel = broker.channel().await;
        let deleted = channel.exchange_delete(broker.short(word), ExchangeDeleteOptions::default()).await;
        deleted.unwrap_or_else(|error| panic!("{}: {error}", broker.name(word)));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `unwrap_or_else` wants it")]
fn refused<T>(error: lapin::Error) -> T {
    panic!("listening to events: {error}")
}

async fn connect(url: &str) -> Connection {
    let connection = Connection::connect(url, ConnectionProperties::default()).await;
    connection.unwrap_or_else(|error| {
        panic!("RabbitMQ does not answer ({error}); start the services: eval \"$(scripts/services env)\"")
    })
}

#[expect(clippy::disallowed_methods, reason = "where the test services are is no part of the configuration")]
fn url() -> String {
    std::env::var("KEYBELL_AMQP_URL")
        .unwrap_or_else(|_| panic!("KEYBELL_AMQP_URL is not set; start the services: eval \"$(scripts/services env)\""))
}

/// Somebody who listens to Keybell's events.
pub struct Listener {
    consumer: Consumer,
    heard: Vec<(String, Value)>,
    arrived: Vec<Millis>,
    deliveries: Vec<Delivery>,
}

impl Listener {
    /// The first event of this kind whose text contains `text`; waits for it.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn event(&mut self, kind: &str, text: &str) -> Value {
        let fits = |(_, body): &(String, Value)| {
            body.get("kind").and_then(Value::as_str) == Some(kind) && body.to_string().contains(text)
        };
        loop {
            if let Some((_, body)) = self.heard.iter().find(|event| fits(event)) {
                return body.clone();
            }
            self.hear(&format!("{kind} with {text}")).await;
        }
    }

    /// Listens until enough was heard. Answers when each event of [`Listener::heard`] arrived.
    ///
    /// # Panics
    /// When nothing comes for too long.
    pub async fn until(&mut self, what: &str, enough: impl Fn(&[(String, Value)]) -> bool) -> &[Millis] {
        while !enough(&self.heard) {
            self.hear(what).await;
        }
        &self.arrived
    }

    /// Takes the next event, whichever it is.
    async fn hear(&mut self, what: &str) {
        let next = tokio::time::timeout(crate::program::PATIENCE, self.consumer.next()).await;
        let Ok(Some(Ok(delivery))) = next else { panic!("no event {what}; heard: {:?}", self.heard) };
        self.arrived.push(wall());
        delivery.ack(BasicAckOptions::default()).await.unwrap_or_else(|error| panic!("acknowledging: {error}"));
        let body = serde_json::from_slice(&delivery.data).unwrap_or_else(|error| panic!("an event: {error}"));
        self.heard.push((delivery.routing_key.to_string(), body));
        self.deliveries.push(delivery);
    }

    /// Everything heard so far, as the broker delivered it.
    #[must_use]
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Everything heard so far: routing key and body.
    #[must_use]
    pub fn heard(&self) -> &[(String, Value)] {
        &self.heard
    }
}
