//! A mail server for tests: says what it is told to say, and writes down what arrives.

pub(crate) mod decode;
mod dialogue;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keybell_shared::clock::{Millis, Stopwatch};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::tries::{Tries, Try};
pub use decode::password_in;
use dialogue::accept;

/// What happens to one message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// 250 after the dot.
    Accept,
    /// This answer to RCPT. A 421 closes the connection, here and everywhere.
    AtRecipient(u16, &'static str),
    /// No answer to RCPT.
    StallAtRecipient,
    /// This answer to DATA.
    AtData(u16, &'static str),
    /// This answer after the dot.
    AfterData(u16, &'static str),
    /// 250 after the dot, but so much later.
    SlowAfterData(Duration),
    /// 250 after the dot, one byte per pause.
    DripAfterData(Duration),
    /// No answer after the dot; the message counts as received.
    StallAfterData,
    /// These bytes after the dot, and silence.
    RawAfterData(Vec<u8>),
    /// Closes when the first line of the message arrives.
    DisconnectBeforeDot,
    /// Takes the message and closes without an answer.
    DisconnectAfterDot,
}

/// How a connection begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Greeting {
    /// `220`.
    #[default]
    Normal,
    /// `220`, but so much later.
    Slow(Duration),
    /// One byte per pause.
    Drip(Duration),
    /// Nothing, ever.
    Silent,
    /// These bytes, and silence.
    Raw(Vec<u8>),
}

/// What the whole server does, whoever the recipient is.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// How a connection begins.
    pub greeting: Greeting,
    /// Answers to the next MAIL commands; then 250.
    pub at_mail: VecDeque<(u16, &'static str)>,
    /// After so many messages on a connection, MAIL is answered with 421.
    pub messages_per_connection: Option<usize>,
    /// More connections at a time are greeted with 421.
    pub connections: Option<usize>,
    /// The answer to AUTH, which is offered then.
    pub auth: Option<(u16, &'static str)>,
    /// The user and password that AUTH PLAIN must give before MAIL; AUTH is offered then.
    pub credentials: Option<(String, String)>,
    /// STARTTLS is offered, and this sent as the answer; the server cannot do TLS.
    pub starttls: Option<&'static str>,
    /// Keeps neither commands nor the heads of messages: for a hundred thousand of them.
    pub lean: bool,
}

/// A message that arrived whole.
#[derive(Clone, Debug)]
pub struct Received {
    /// The envelope's recipient.
    pub to: String,
    /// The envelope's sender.
    pub from: String,
    /// Everything before the first empty line.
    pub head: String,
    /// The body, decoded, with `\n` line ends.
    pub text: String,
    /// The `Message-ID`.
    pub message_id: String,
    /// The code that was answered; `None` when there was no answer.
    pub reply: Option<u16>,
    /// When it arrived, since the server was made.
    pub at: Duration,
    /// When it arrived, by the wall clock.
    pub arrived: Millis,
    /// How long after that the answer had left; `None` when it has not, or not yet.
    pub answered: Option<Duration>,
    /// The number of its connection, from 1.
    pub connection: usize,
}

impl Received {
    /// A header's value, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        decode::header(&self.head, name)
    }

    /// The password that it tells.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        password_in(&self.text)
    }
}

/// A scripted mail server on a port that it keeps over stop and start.
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<State>,
    task: Option<JoinHandle<()>>,
}

type Decide = dyn Fn(&Try<'_>) -> Behaviour + Send + Sync;
type Greet = dyn Fn(usize) -> Greeting + Send + Sync;

struct State {
    manner: Mutex<Manner>,
    scripts: Mutex<HashMap<String, VecDeque<Behaviour>>>,
    decide: Mutex<Option<Arc<Decide>>>,
    greet: Mutex<Option<Arc<Greet>>>,
    tries: Mutex<Tries>,
    journal: watch::Sender<Vec<Received>>,
    /// Answers to messages that will leave, and have not yet.
    owed: watch::Sender<usize>,
    commands: Mutex<Vec<String>>,
    counts: Mutex<Counts>,
    born: Stopwatch,
}

#[derive(Default)]
struct Counts {
    opened: usize,
    open: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SmtpServer {
    /// Starts on a free port of this machine.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let state = Arc::new(State {
            manner: Mutex::default(),
            scripts: Mutex::default(),
            decide: Mutex::default(),
            greet: Mutex::default(),
            tries: Mutex::default(),
            owed: watch::Sender::default(),
            journal: watch::Sender::default(),
            commands: Mutex::default(),
            counts: Mutex::default(),
            born: Stopwatch::start(),
        });
        let task = Some(tokio::spawn(accept(listener, Arc::clone(&state))));
        Self { address, state, task }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `smtp://127.0.0.1:port?tls=none`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// What happens to the next messages to this recipient; after them everything is accepted.
    pub fn script(&self, to: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        lock(&self.state.scripts).entry(to.to_owned()).or_default().extend(behaviours);
    }

    /// What happens to every message for which nothing is scripted, instead of being accepted.
    pub fn decide(&self, decide: impl Fn(&Try<'_>) -> Behaviour + Send + Sync + 'static) {
        *lock(&self.state.decide) = Some(Arc::new(decide));
    }

    /// How each connection begins, by its number from 1, instead of as the manner says.
    pub fn greet(&self, greet: impl Fn(usize) -> Greeting + Send + Sync + 'static) {
        *lock(&self.state.greet) = Some(Arc::new(greet));
    }

    /// From now on accepts everything at once. Credentials stay needed.
    pub fn calm(&self) {
        *lock(&self.state.decide) = None;
        *lock(&self.state.greet) = None;
        lock(&self.state.scripts).clear();
        self.manner(|manner| {
            let Manner { credentials, lean, .. } = std::mem::take(manner);
            *manner = Manner { credentials, lean, ..Manner::default() };
        });
    }

    /// Waits until every answer that will leave has left.
    pub async fn settle(&self) {
        // The sender lives as long as `self`, so an error cannot happen.
        drop(self.state.owed.subscribe().wait_for(|owed| *owed == 0).await);
    }

    /// Changes what the whole server does.
    pub fn manner(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut lock(&self.state.manner));
    }

    /// Everything that arrived so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.journal.borrow().clone()
    }

    /// Looks at what arrived so far, without a copy of it.
    pub fn look<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        look(self.state.journal.borrow().as_slice())
    }

    /// Waits until so many messages have arrived.
    pub async fn wait_for(&self, messages: usize) -> Vec<Received> {
        let mut journal = self.state.journal.subscribe();
        // The sender lives as long as `self`.
        match journal.wait_for(|journal| journal.len() >= messages).await {
            Ok(journal) => journal.clone(),
            Err(_) => self.received(),
        }
    }

    /// Every line that clients said outside of messages, in order of arrival.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        lock(&self.state.commands).clone()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn opened(&self) -> usize {
        lock(&self.state.counts).opened
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        lock(&self.state.counts).open
    }

    /// Goes down: closes everything, refuses connections, and keeps the journal.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Aborted is what it shall be; awaited, so that the port is free.
            drop(task.await);
        }
    }

    /// Comes back on the same port.
    ///
    /// # Panics
    /// When somebody else took the port.
    pub async fn resume(&mut self) {
        if self.task.is_none() {
            let listener =
                TcpListener::bind(self.address).await.unwrap_or_else(|error| panic!("{}: {error}", self.address));
            self.task = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
