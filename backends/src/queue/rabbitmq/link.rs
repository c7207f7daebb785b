//! Keeps one connection to the broker up: connect, declare the topology, wait for the end, wait a little, again.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use keybell_shared::clock::Stopwatch;
use keybell_shared::error::QueueError;
use keybell_shared::retry::{RetryPolicy, delay_after};
use lapin::options::{ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Event};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connect::{self, Socket};
use super::errors::explain;
use super::topology::Topology;

/// The waits between attempts to connect.
const RECONNECT: RetryPolicy = RetryPolicy {
    initial: Duration::from_millis(200),
    multiplier: 2.0,
    max: Duration::from_secs(5),
    jitter: 0.2,
};

/// A connection that lasted this long was a good one: the waits begin anew.
const GOOD: Duration = Duration::from_secs(10);

/// How long the broker may take to answer one question.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// New quorum queues take the broker a while each, on a busy machine.
const DECLARE_WAIT: Duration = Duration::from_secs(30);

/// A connection that is up.
pub(super) struct Live {
    connection: Connection,
    socket: Arc<Socket>,
    /// Channels in confirm mode that nobody uses right now.
    idle: Mutex<Vec<Channel>>,
}

impl Live {
    async fn open(url: &SecretString, role: &str, topology: &Topology) -> Result<Self, QueueError> {
        let (connection, socket) = connect::open(url, role).await?;
        let live = Self { connection, socket, idle: Mutex::default() };
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

    /// How many messages are ready in a queue.
    pub(super) async fn depth(&self, queue: ShortString) -> lapin::Result<u64> {
        // On a channel of its own, because a missing queue costs the channel.
        let channel = self.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let state = answer(channel.queue_declare(queue, options, FieldTable::default())).await?;
        Ok(u64::from(state.message_count()))
    }

    /// One round trip.
    pub(super) async fn ping(&self) -> lapin::Result<()> {
        self.channel().await.map(drop)
    }

    /// While the broker has a memory or disk alarm it does not even read what we ask.
    pub(super) fn refuse_while_blocked(&self) -> Result<(), QueueError> {
        if self.connection.status().blocked() {
            return Err(QueueError::Unavailable(
                "the broker has a memory or disk alarm and takes no messages; see rabbitmq-diagnostics alarms".to_owned(),
            ));
        }
        Ok(())
    }

    fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// Resolves when the connection is lost.
    async fn ended(&self, role: &str) {
        let mut events = pin!(self.connection.events_listener());
        // Not every end of a connection is told as an event.
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        while self.is_up() {
            tokio::select! {
                event = events.next() => {
                    if let Some(Event::ConnectionBlocked(reason)) = event {
                        tracing::warn!(role, reason, "the broker takes no messages for now");
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

/// How the connection stands.
enum State {
    /// Up, as far as anybody noticed.
    Up(Arc<Live>),
    /// Down, with the reason of the last attempt.
    Down(QueueError),
}

impl State {
    /// Whether there is something to say to a caller: a connection, or a reason that waiting does not cure.
    fn is_settled(&self) -> bool {
        match self {
            Self::Up(live) => live.is_up(),
            Self::Down(QueueError::Refused(_)) => true,
            Self::Down(QueueError::Unavailable(_)) => false,
        }
    }
}

/// A connection that is kept up from its first use until this is dropped.
pub(super) struct Link {
    keeper: Keeper,
    state: watch::Sender<State>,
    task: OnceLock<JoinHandle<()>>,
}

impl Link {
    pub(super) fn new(url: SecretString, role: &'static str, topology: Arc<Topology>) -> Self {
        let down = State::Down(QueueError::Unavailable("not connected yet".to_owned()));
        Self { keeper: Keeper { url, role, topology }, state: watch::Sender::new(down), task: OnceLock::new() }
    }

    /// The connection, as soon as it is up.
    ///
    /// # Errors
    /// At once when the broker refuses us; `Unavailable` when there is no connection within `wait`.
    pub(super) async fn live(&self, wait: Duration) -> Result<Arc<Live>, QueueError> {
        self.task.get_or_init(|| tokio::spawn(self.keeper.clone().run(self.state.clone())));
        let mut states = self.state.subscribe();
        let settled = timeout(wait, states.wait_for(State::is_settled)).await;
        // Not the awaited value itself: it holds the lock of the channel.
        drop(settled);
        match &*self.state.borrow() {
            State::Up(live) if live.is_up() => Ok(Arc::clone(live)),
            State::Up(_) => Err(QueueError::Unavailable("the connection was just lost".to_owned())),
            State::Down(error) => Err(error.clone()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// What is needed to connect.
#[derive(Clone)]
struct Keeper {
    url: SecretString,
    role: &'static str,
    topology: Arc<Topology>,
}

impl Keeper {
    async fn run(self, state: watch::Sender<State>) {
        let mut attempts = 0;
        loop {
            let since = Stopwatch::start();
            match Live::open(&self.url, self.role, &self.topology).await {
                Ok(live) => {
                    let live = Arc::new(live);
                    state.send_replace(State::Up(Arc::clone(&live)));
                    tracing::info!(role = self.role, "connected to the broker");
                    live.ended(self.role).await;
                    live.cut();
                    let lost = QueueError::Unavailable("the connection was lost".to_owned());
                    state.send_replace(State::Down(lost));
                    tracing::warn!(role = self.role, "lost the connection to the broker");
                    attempts = if since.elapsed() < GOOD { attempts + 1 } else { 1 };
                }
                Err(error) => {
                    attempts += 1;
                    tracing::warn!(role = self.role, attempts, %error, "cannot work with the broker; will try again");
                    state.send_replace(State::Down(error));
                }
            }
            tokio::time::sleep(delay_after(attempts, &RECONNECT)).await;
        }
    }
}
