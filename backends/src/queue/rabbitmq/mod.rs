//! The work queues, the door for requests and the events on RabbitMQ (3.10 to 4.x).
//!
//! Two connections, because a broker under a memory or disk alarm stops reading from connections that publish, and
//! acknowledgements must not stop with them: `publishing` and `consuming`. Each is kept up by its own [`link::Link`];
//! nothing here relies on the client's own recovery. What is lost with a connection comes again: deliveries from the
//! broker, unconfirmed messages from the ledger's repair scan.

mod acks;
mod connect;
mod consumer;
mod delete;
mod errors;
mod examine;
mod link;
mod live;
mod publisher;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::message::Message;
use keybell_shared::ports::events::Event;
use keybell_shared::ports::queue::{Consumer, Delivery, Source, WorkQueue};
use keybell_shared::ports::requests::{RawRequest, RequestConsumer, RequestQueue};
use keybell_shared::stage::Stage;
use lapin::types::ShortString;
use secrecy::SecretString;

pub use delete::delete;
pub use examine::examine;
use link::Link;
use live::{Live, Load};
use publisher::Parcel;
use topology::Topology;

/// How long a caller waits for a connection before it hears that the broker cannot be reached.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// Everything that goes over RabbitMQ. Connects when it is first used, and again whenever a connection is lost.
pub struct RabbitQueue {
    topology: Arc<Topology>,
    publishing: Link,
    consuming: Link,
}

impl RabbitQueue {
    /// Prepares the connections to the broker at `url` (`amqp://user:password@host:port/vhost`, or `amqps`), without
    /// waiting for it. Every exchange and queue has a name that begins with `prefix` and a dot.
    #[must_use]
    pub fn new(url: &SecretString, prefix: &str) -> Arc<Self> {
        let topology = Arc::new(Topology::new(prefix));
        Arc::new(Self {
            publishing: Link::new(url.clone(), "publishing", Arc::clone(&topology)),
            consuming: Link::new(url.clone(), "consuming", Arc::clone(&topology)),
            topology,
        })
    }

    /// Hands events to the topic exchange. Nobody has to listen, so an unrouted event is fine.
    pub(crate) async fn publish_events(&self, events: &[Event]) -> Result<(), QueueError> {
        if events.is_empty() {
            return Ok(());
        }
        let parcels: Vec<_> = events.iter().map(Parcel::event).collect();
        let live = self.for_publishing().await?;
        let safe = publisher::publish(&live, &self.topology, self.topology.events(), &parcels).await?;
        match safe.iter().filter(|safe| !**safe).count() {
            0 => Ok(()),
            refused => {
                Err(QueueError::Unavailable(format!("the broker did not take {refused} of {} events", safe.len())))
            }
        }
    }

    /// Starts a consumer. A queue that somebody deleted is declared again first.
    async fn start(&self, queue: ShortString, prefetch: u16) -> Result<consumer::Started, QueueError> {
        let live = self.consuming.live(CONNECTION_WAIT).await?;
        match consumer::start(&live, queue.clone(), prefetch).await {
            Err(error) if errors::is_missing(&error) => {
                live.restore(&self.topology).await?;
                consumer::start(&live, queue.clone(), prefetch).await
            }
            other => other,
        }
        .map_err(|error| errors::explain(&format!("the queue `{queue}`"), &error))
    }

    /// What waits in the queue of a stage, and who takes it. A queue that somebody deleted is declared again.
    async fn load(&self, stage: Stage) -> Result<Load, QueueError> {
        let queue = self.topology.source(Source::Stage(stage));
        let live = self.for_publishing().await?;
        match live.load(queue.clone()).await {
            Err(error) if errors::is_missing(&error) => {
                live.restore(&self.topology).await?;
                Ok(Load::default())
            }
            other => other.map_err(|error| errors::explain(&format!("the queue `{queue}`"), &error)),
        }
    }

    /// The publishing connection, unless the broker does not listen to it.
    async fn for_publishing(&self) -> Result<Arc<Live>, QueueError> {
        let live = self.publishing.live(CONNECTION_WAIT).await?;
        live.refuse_while_blocked()?;
        Ok(live)
    }
}

#[async_trait]
impl WorkQueue for RabbitQueue {
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let parcels: Vec<_> = messages.iter().enumerate().map(|(at, message)| Parcel::work(at, message)).collect();
        let live = self.for_publishing().await?;
        let taken = publisher::publish(&live, &self.topology, self.topology.work(), &parcels).await?;
        super::count(messages, &taken);
        Ok(taken)
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Consumer, QueueError> {
        let started = self.start(self.topology.source(source), prefetch).await?;
        let (deliveries, acks) = consumer::forward(started, prefetch, |delivery| Delivery {
            message: consumer::read(&delivery),
            tag: delivery.delivery_tag,
            redelivered: delivery.redelivered,
        });
        Ok(Consumer { deliveries, acks })
    }

    async fn depth(&self, stage: Stage) -> Result<u64, QueueError> {
        Ok(self.load(stage).await?.messages)
    }

    async fn consumers(&self, stage: Stage) -> Result<Option<u64>, QueueError> {
        Ok(Some(self.load(stage).await?.consumers))
    }

    async fn room(&self) {
        // These queues have no length limit, so they never refuse for being full.
        std::future::pending::<()>().await;
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.for_publishing().await?.ping().await.map_err(|error| errors::explain("the broker", &error))
    }
}

#[async_trait]
impl RequestQueue for RabbitQueue {
    async fn consume(&self, prefetch: u16) -> Result<RequestConsumer, QueueError> {
        let started = self.start(self.topology.requests(), prefetch).await?;
        let text = |word: &Option<ShortString>| word.as_ref().map(ToString::to_string);
        let (requests, answers) = consumer::forward(started, prefetch, move |delivery| RawRequest {
            // The broker refuses a message whose `user_id` is not the user that published it.
            producer: text(delivery.properties.user_id()),
            message_id: text(delivery.properties.message_id()),
            content_type: text(delivery.properties.content_type()),
            content_encoding: text(delivery.properties.content_encoding()),
            trace: consumer::trace(&delivery),
            body: delivery.data,
            tag: delivery.delivery_tag,
        });
        Ok(RequestConsumer { requests, answers })
    }
}
