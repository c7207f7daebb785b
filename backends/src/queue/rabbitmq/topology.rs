//! The exchanges, queues and bindings, and how they are declared. Works with RabbitMQ 3.10 to 4.x.

use keybell_shared::error::QueueError;
use keybell_shared::ports::queue::Source;
use keybell_shared::stage::Stage;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::errors::explain_declare;

/// A message that came back this often without an answer goes to the dead letters. The same as the default of 4.x,
/// and written down because 3.x has none.
const DELIVERY_LIMIT: i64 = 20;

/// The dead letters have nowhere to go, so the broker would drop them at their limit. 4.x would do so at 20, and 3.10
/// does not know "no limit".
const DEAD_DELIVERY_LIMIT: i64 = 100_000;

/// A name has at most 255 bytes, so a longer prefix is cut.
const PREFIX_CHARS: usize = 60;

/// The routing key of requests, on the exchange where upstream applications publish them.
const REQUEST_KEY: &str = "request";

/// The names of everything that Keybell has on the broker.
pub(super) struct Topology {
    prefix: String,
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.chars().take(PREFIX_CHARS).collect() }
    }

    /// A name of ours.
    pub(super) fn name(&self, word: &str) -> ShortString {
        format!("{}.{word}", self.prefix).into()
    }

    /// The exchange of the work queues; the routing key is the stage's name.
    pub(super) fn work(&self) -> ShortString {
        self.name("work")
    }

    /// The exchange of requests, and its queue.
    pub(super) fn requests(&self) -> ShortString {
        self.name("requests")
    }

    /// The exchange of domain events; the routing key is `<district>.<kind>`, and for answers to requests
    /// `<district>.<kind>.<producer>`.
    pub(super) fn events(&self) -> ShortString {
        self.name("events")
    }

    /// The exchange of dead letters, and its queue.
    fn dead(&self) -> ShortString {
        self.name("dead")
    }

    /// Every exchange.
    pub(super) fn exchanges(&self) -> [ShortString; 4] {
        [self.work(), self.requests(), self.events(), self.dead()]
    }

    /// The queue of a consumer's source.
    pub(super) fn source(&self, source: Source) -> ShortString {
        match source {
            Source::Stage(stage) => self.name(stage.as_str()),
            Source::Dead => self.dead(),
        }
    }

    /// Declares everything. Declaring what is already there, with the same arguments, changes nothing.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), QueueError> {
        let exchanges = [
            (self.work(), ExchangeKind::Direct),
            (self.requests(), ExchangeKind::Direct),
            (self.events(), ExchangeKind::Topic),
            (self.dead(), ExchangeKind::Fanout),
        ];
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        for (name, kind) in exchanges {
            channel
                .exchange_declare(name.clone(), kind, durable, FieldTable::default())
                .await
                .map_err(|error| explain_declare("exchange", name.as_str(), &error))?;
        }
        for queue in self.queues() {
            queue.declare(channel).await?;
        }
        Ok(())
    }

    /// Every queue: first the place where dead letters go, then those that send them there.
    pub(super) fn queues(&self) -> Vec<Queue> {
        let dead = Queue { name: self.dead(), exchange: self.dead(), key: "", arguments: dead_arguments() };
        let requests =
            Queue { name: self.requests(), exchange: self.requests(), key: REQUEST_KEY, arguments: self.arguments() };
        let stages = Stage::ALL.map(|stage| Queue {
            name: self.source(Source::Stage(stage)),
            exchange: self.work(),
            key: stage.as_str(),
            arguments: self.arguments(),
        });
        [dead, requests].into_iter().chain(stages).collect()
    }

    /// A queue with its dead-letter exchange. Dead letters are handed on at most once: the ledger is the record, and the
    /// repair scan brings back what is lost. The stricter strategy runs a process per queue that dies when its queue is
    /// deleted; on RabbitMQ 3.10 a few such deletions end that strategy for every queue of the broker.
    fn arguments(&self) -> FieldTable {
        let mut table = quorum(DELIVERY_LIMIT);
        table.insert("x-dead-letter-exchange".into(), long(self.dead().as_str()));
        table
    }
}

/// A queue, and the exchange that it is bound to.
pub(super) struct Queue {
    pub(super) name: ShortString,
    exchange: ShortString,
    key: &'static str,
    arguments: FieldTable,
}

impl Queue {
    /// Declares and binds it. What is already there with the same arguments is not changed.
    pub(super) async fn declare(self, channel: &Channel) -> Result<(), QueueError> {
        let Self { name, exchange, key, arguments } = self;
        channel
            .queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments)
            .await
            .map_err(|error| explain_declare("queue", name.as_str(), &error))?;
        channel
            .queue_bind(name.clone(), exchange, key.into(), QueueBindOptions::default(), FieldTable::default())
            .await
            .map_err(|error| explain_declare("queue", name.as_str(), &error))
    }
}

fn dead_arguments() -> FieldTable {
    quorum(DEAD_DELIVERY_LIMIT)
}

fn quorum(delivery_limit: i64) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), long("quorum"));
    table.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(delivery_limit));
    table
}

fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
