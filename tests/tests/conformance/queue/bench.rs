//! A RabbitMQ with names of its own for each test, and raw access to it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use keybell_backends::queue::rabbitmq::RabbitQueue;
use lapin::options::{BasicPublishOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use secrecy::SecretString;

/// Everything is given this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `what`.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Where the RabbitMQ of the tests is.
#[expect(clippy::disallowed_methods, reason = "the one home of this variable in the suite")]
fn amqp_url() -> String {
    std::env::var("KEYBELL_AMQP_URL")
        .unwrap_or_else(|_| panic!("KEYBELL_AMQP_URL is not set; start the services: eval \"$(scripts/services env)\""))
}

/// One prefix on the broker of the tests.
pub(crate) struct Broker {
    pub(crate) prefix: String,
    pub(crate) url: String,
    connection: Connection,
}

impl Broker {
    /// Runs a test and deletes what it left on the broker, also when it fails.
    pub(crate) async fn run<F>(test: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        keybell_shared::tls::init();
        let url = amqp_url();
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("RabbitMQ answers");
        let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        let broker = Arc::new(Self { prefix, url, connection });
        let outcome = tokio::spawn(test(Arc::clone(&broker))).await;
        broker.clean().await;
        if let Err(failure) = outcome {
            resume_unwind(failure.into_panic());
        }
    }

    /// The queue under test.
    pub(crate) fn queue(&self) -> Arc<RabbitQueue> {
        self.queue_at(&self.url)
    }

    /// The queue under test, by way of another URL.
    pub(crate) fn queue_at(&self, url: &str) -> Arc<RabbitQueue> {
        RabbitQueue::new(&SecretString::from(url), &self.prefix)
    }

    /// A name on the broker.
    pub(crate) fn name(&self, word: &str) -> lapin::types::ShortString {
        format!("{}.{word}", self.prefix).into()
    }

    /// A raw channel.
    pub(crate) async fn channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    /// Publishes as any application can.
    pub(crate) async fn publish_raw(&self, exchange: &str, key: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let channel = self.channel().await;
        channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await.expect("confirms");
        let confirm = channel.basic_publish(self.name(exchange), key.into(), options, body, properties).await;
        let confirmation = confirm.expect("sent").await.expect("confirmed");
        assert_eq!(confirmation, lapin::Confirmation::Ack(None), "the message reached a queue");
    }

    pub(crate) async fn delete_queue(&self, word: &str) {
        let deleted = self.channel().await.queue_delete(self.name(word), QueueDeleteOptions::default()).await;
        deleted.expect("deleted");
    }

    async fn clean(&self) {
        for word in ["requests", "reset", "email", "sms", "dead", "listener"] {
            self.delete_queue(word).await;
        }
        for word in ["work", "requests", "events", "dead"] {
            let channel = self.channel().await;
            channel.exchange_delete(self.name(word), ExchangeDeleteOptions::default()).await.expect("deleted");
        }
    }
}
