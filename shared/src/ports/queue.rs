//! The work queues: they distribute ids to workers. They may lose, repeat and reorder; the ledger does not care.

use async_trait::async_trait;

use crate::error::QueueError;
use crate::message::{Message, Undecodable};
use crate::stage::Stage;

/// Where a consumer takes its deliveries from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The queue of a stage.
    Stage(Stage),
    /// What could not be handled: rejected messages, and those that came back too often.
    Dead,
}

/// One message handed to a consumer, to be acknowledged by its tag.
#[derive(Debug)]
pub struct Delivery {
    /// What it says, or why it says nothing.
    pub message: Result<Message, Undecodable>,
    /// Names it towards [`Acks`].
    pub tag: u64,
    /// Whether it was handed out before.
    pub redelivered: bool,
}

/// The work queues (RabbitMQ, or memory when embedded).
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Puts messages on the queues of their stages and waits, for a bounded time, until the broker has them safely.
    ///
    /// Answers for each message, in order, whether it is on its queue. `false` means: not now (the queue is full or
    /// missing); the repair scan will bring it again.
    ///
    /// # Errors
    /// When nothing is known: some of the messages may be on the queue.
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError>;

    /// Starts taking deliveries; at most `prefetch` are unacknowledged at a time.
    ///
    /// # Errors
    /// When the broker cannot be reached; the caller waits a little and calls again.
    async fn consume(&self, source: Source, prefetch: u16) -> Result<Consumer, QueueError>;

    /// How many messages wait in the queue of a stage (handed out, unacknowledged ones not counted).
    async fn depth(&self, stage: Stage) -> Result<u64, QueueError>;

    /// How many consumers the queue of a stage has, over all processes; `None` where nobody counts them.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    async fn consumers(&self, stage: Stage) -> Result<Option<u64>, QueueError> {
        let _ = stage;
        Ok(None)
    }

    /// Resolves when a queue that refused messages has room again. A queue that never refuses never resolves.
    async fn room(&self);

    /// Whether the broker answers, for `doctor` and readiness.
    async fn ping(&self) -> Result<(), QueueError>;
}

/// A running consumer. Dropping it hands its unacknowledged deliveries back.
pub struct Consumer {
    /// The deliveries. `recv` answers `None` when the connection is lost: consume again.
    pub deliveries: tokio::sync::mpsc::Receiver<Delivery>,
    /// Acknowledges them, from any task.
    pub acks: std::sync::Arc<dyn Acks>,
}

/// The answer to deliveries of one consumer. When the connection is lost every answer fails, and the broker hands the
/// deliveries out again.
#[async_trait]
pub trait Acks: Send + Sync {
    /// These are done with.
    async fn ack(&self, tags: &[u64]) -> Result<(), QueueError>;

    /// This one can never be handled: to the dead letters.
    async fn reject(&self, tag: u64) -> Result<(), QueueError>;

    /// No new deliveries, please; those in hand can still be acknowledged.
    async fn stop(&self) -> Result<(), QueueError>;
}
