//! One connection that is up: its channels, and the questions that go over it.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use keybell_shared::error::QueueError;
use lapin::options::{ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Event};
use secrecy::SecretString;
use tokio::time::timeout;

use super::connect::{self, Socket};
use super::errors::explain;
use super::topology::Topology;

/// How long the broker may take to answer one question.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// New quorum queues take the broker a while each, on a busy machine.
const DECLARE_WAIT: Duration = Duration::from_secs(30);

/// How long a queue that somebody deleted stays away. A 3.x broker tells consumers of the deletion a moment later; if it
/// finds a queue of that name then, it moves them there in silence, and drops what that queue sends them as already
/// seen: they would stand still until the broker's own time-out of 30 minutes.
const GONE: Duration = Duration::from_secs(1);

/// A connection that is up.
pub(super) struct Live {
    connection: Connection,
    socket: Arc<Socket>,
    /// Channels in confirm mode that nobody uses right now.
    idle: Mutex<Vec<Channel>>,
    /// Channels whose messages the client still holds because the broker blocks this connection.
    held: Mutex<Vec<Channel>>,
}

/// What a queue holds, and who takes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Messages that wait; handed out, unacknowledged ones are not counted.
    pub(super) messages: u64,
    /// Consumers, over all processes.
    pub(super) consumers: u64,
}

impl Live {
    /// Connects and declares the topology.
    pub(super) async fn open(url: &SecretString, role: &str, topology: &Topology) -> Result<Self, QueueError> {
        let (connection, socket) = connect::open(url, role).await?;
        let live = Self { connection, socket, idle: Mutex::default(), held: Mutex::default() };
        if let Err(error) = live.declare(topology).await {
            live.cut();
            return Err(error);
        }
        Ok(live)
    }

    /// Ends the connection at once; whatever waits on it hears an error.
    pub(super) fn cut(&self) {
        self.socket.cut();
    }

    /// Declares every exchange, queue and binding.
    pub(super) async fn declare(&self, topology: &Topology) -> Result<(), QueueError> {
        let channel = self.channel().await.map_err(|error| explain("declaring the queues", &error))?;
        timeout(DECLARE_WAIT, topology.declare(&channel)).await.unwrap_or_else(|_| {
            Err(QueueError::Unavailable(format!("the queues were not declared within {} s", DECLARE_WAIT.as_secs())))
        })
    }

    /// Declares everything again, because something was missing; not at once, see [`GONE`].
    pub(super) async fn restore(&self, topology: &Topology) -> Result<(), QueueError> {
        tokio::time::sleep(GONE).await;
        self.declare(topology).await
    }

    /// A new channel. It is closed when the last clone is dropped.
    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        answer(self.connection.create_channel()).await
    }

    /// A channel that confirms what is published. Nobody else uses it until it is given [back](Self::give_back).
    pub(super) async fn confirming_channel(&self) -> lapin::Result<Channel> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(channel) = idle.filter(|channel| channel.status().connected()) {
            return Ok(channel);
        }
        let channel = self.channel().await?;
        answer(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(channel)
    }

    /// Takes back a channel on which nothing is open.
    pub(super) fn give_back(&self, channel: Channel) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }

    /// Gives up waiting for the confirms of what was published on `channel`.
    ///
    /// The client cannot take back what it did not send yet, and closing the channel would overtake it and break the
    /// connection. So under an alarm the channel is kept until the broker reads again (other publishers then fail at
    /// once instead of each waiting as long); without an alarm the connection is of no use and is cut.
    pub(super) fn give_up(&self, channel: Channel) {
        if self.connection.status().blocked() {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
        } else {
            self.cut();
        }
    }

    /// What a queue holds, and who takes it.
    pub(super) async fn load(&self, queue: ShortString) -> lapin::Result<Load> {
        // On a channel of its own, because a missing queue costs the channel.
        let channel = self.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let state = answer(channel.queue_declare(queue, options, FieldTable::default())).await?;
        Ok(Load { messages: state.message_count().into(), consumers: state.consumer_count().into() })
    }

    /// One round trip.
    pub(super) async fn ping(&self) -> lapin::Result<()> {
        self.channel().await.map(drop)
    }

    /// While the broker has a memory or disk alarm it does not even read what we ask.
    pub(super) fn refuse_while_blocked(&self) -> Result<(), QueueError> {
        if self.connection.status().blocked() {
            return Err(QueueError::Unavailable(
                "the broker has a memory or disk alarm and takes no messages; see rabbitmq-diagnostics alarms"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether the connection is up, as far as anybody noticed.
    pub(super) fn is_up(&self) -> bool {
        self.connection.status().connected() && !self.socket.is_cut()
    }

    /// Resolves when the connection is lost.
    pub(super) async fn ended(&self, role: &str) {
        let mut events = pin!(self.connection.events_listener());
        // Not every end of a connection is told as an event.
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        while self.is_up() {
            tokio::select! {
                event = events.next() => {
                    if let Some(Event::ConnectionBlocked(reason)) = event {
                        tracing::warn!(role, reason, "the broker takes no messages for now");
                        // Those of the last alarm are empty by now.
                        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    } else if let Some(Event::ConnectionUnblocked) = event {
                        tracing::info!(role, "the broker takes messages again");
                    }
                }
                _ = tick.tick() => {}
            }
        }
    }
}

/// Bounds one question to the broker.
pub(super) async fn answer<T>(question: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    timeout(ANSWER_WAIT, question).await.map_err(|_| late(ANSWER_WAIT))?
}

/// The error of a broker that did not answer within `wait`.
pub(super) fn late(wait: Duration) -> lapin::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", wait.as_secs())).into()
}
