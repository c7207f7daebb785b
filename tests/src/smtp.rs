//! A mail server for tests: says what it is told to say, and writes down what arrives.

mod decode;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use decode::password_in;

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
    /// STARTTLS is offered, and this sent as the answer; the server cannot do TLS.
    pub starttls: Option<&'static str>,
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

struct State {
    manner: Mutex<Manner>,
    scripts: Mutex<HashMap<String, VecDeque<Behaviour>>>,
    journal: watch::Sender<Vec<Received>>,
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

    /// Changes what the whole server does.
    pub fn manner(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut lock(&self.state.manner));
    }

    /// Everything that arrived so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.journal.borrow().clone()
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

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, and with it every dialogue.
    let mut dialogues = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while dialogues.try_join_next().is_some() {}
        let number = {
            let mut counts = lock(&state.counts);
            counts.opened += 1;
            counts.open += 1;
            counts.opened
        };
        let dialogue = Dialogue::new(socket, number, Arc::clone(&state));
        // An error is a client that left.
        dialogues.spawn(async move { dialogue.run().await.is_ok() });
    }
}

struct Dialogue {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    number: usize,
    state: Arc<State>,
    from: String,
    to: Option<(String, Behaviour)>,
    messages: usize,
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        lock(&self.state.counts).open -= 1;
    }
}

/// The end of a dialogue.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Dialogue {
    fn new(socket: TcpStream, number: usize, state: Arc<State>) -> Self {
        // Without it every answer waits for the acknowledgement of the one before.
        drop(socket.set_nodelay(true));
        let (reader, writer) = socket.into_split();
        let reader = BufReader::new(reader);
        Self { reader, writer, number, state, from: String::new(), to: None, messages: 0 }
    }

    async fn run(mut self) -> Result<(), Over> {
        let manner = lock(&self.state.manner).clone();
        if manner.connections.is_some_and(|most| lock(&self.state.counts).open > most) {
            return self.say(421, "too many connections").await;
        }
        match manner.greeting {
            Greeting::Normal => {}
            Greeting::Slow(wait) => tokio::time::sleep(wait).await,
            Greeting::Silent => self.stall().await?,
            Greeting::Raw(bytes) => self.raw(&bytes).await?,
            Greeting::Drip(pause) => {
                for byte in b"220 slow.example.org at your service\r\n" {
                    self.writer.write_all(&[*byte]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        self.say(220, "test.example.org").await?;
        loop {
            let line = self.line().await?;
            lock(&self.state.commands).push(line.clone());
            let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => self.hello().await?,
                "STARTTLS" => self.starttls().await?,
                "AUTH" => self.auth().await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.recipient(rest).await?,
                "DATA" => self.data().await?,
                "RSET" | "NOOP" => self.say(250, "ok").await?,
                "QUIT" => {
                    self.say(221, "bye").await?;
                    return Ok(());
                }
                _ => self.say(500, "what?").await?,
            }
        }
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line).await? == 0 {
            return Err(Over);
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn say(&mut self, code: u16, text: &str) -> Result<(), Over> {
        self.writer.write_all(format!("{code} {text}\r\n").as_bytes()).await?;
        if code == 421 { Err(Over) } else { Ok(()) }
    }

    async fn raw(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.writer.write_all(bytes).await?;
        self.stall().await
    }

    /// Says nothing more, until the client leaves.
    async fn stall(&mut self) -> Result<(), Over> {
        loop {
            self.line().await?;
        }
    }

    async fn hello(&mut self) -> Result<(), Over> {
        let Manner { auth, starttls, .. } = lock(&self.state.manner).clone();
        let mut answer = "250-test.example.org\r\n".to_owned();
        if auth.is_some() {
            answer.push_str("250-AUTH PLAIN LOGIN\r\n");
        }
        if starttls.is_some() {
            answer.push_str("250-STARTTLS\r\n");
        }
        answer.push_str("250 ENHANCEDSTATUSCODES\r\n");
        Ok(self.writer.write_all(answer.as_bytes()).await?)
    }

    async fn starttls(&mut self) -> Result<(), Over> {
        let answer = lock(&self.state.manner).starttls;
        match answer {
            None => self.say(502, "not here").await,
            Some(answer) => {
                self.writer.write_all(answer.as_bytes()).await?;
                let line = self.line().await?;
                lock(&self.state.commands).push(line);
                Err(Over)
            }
        }
    }

    async fn auth(&mut self) -> Result<(), Over> {
        let answer = lock(&self.state.manner).auth;
        match answer {
            Some((code, text)) => self.say(code, text).await,
            None => self.say(502, "not here").await,
        }
    }

    async fn mail(&mut self, rest: &str) -> Result<(), Over> {
        let (answer, limit) = {
            let mut manner = lock(&self.state.manner);
            (manner.at_mail.pop_front(), manner.messages_per_connection)
        };
        if limit.is_some_and(|limit| self.messages >= limit) {
            return self.say(421, "enough on this connection").await;
        }
        self.from = address_in(rest);
        match answer {
            Some((code, text)) => self.say(code, text).await,
            None => self.say(250, "sender ok").await,
        }
    }

    async fn recipient(&mut self, rest: &str) -> Result<(), Over> {
        let to = address_in(rest);
        let behaviour = lock(&self.state.scripts).get_mut(&to).and_then(VecDeque::pop_front);
        match behaviour.unwrap_or(Behaviour::Accept) {
            Behaviour::AtRecipient(code, text) => self.say(code, text).await,
            Behaviour::StallAtRecipient => self.stall().await,
            other => {
                self.to = Some((to, other));
                self.say(250, "recipient ok").await
            }
        }
    }

    async fn data(&mut self) -> Result<(), Over> {
        let Some((to, behaviour)) = self.to.take() else {
            return self.say(503, "no recipient").await;
        };
        if let Behaviour::AtData(code, text) = behaviour {
            return self.say(code, text).await;
        }
        self.say(354, "go on").await?;
        let raw = self.message(behaviour == Behaviour::DisconnectBeforeDot).await?;
        self.messages += 1;
        let reply = match &behaviour {
            Behaviour::AfterData(code, _) => Some(*code),
            Behaviour::StallAfterData | Behaviour::RawAfterData(_) | Behaviour::DisconnectAfterDot => None,
            _ => Some(250),
        };
        self.note(to, &raw, reply);
        match behaviour {
            Behaviour::AfterData(code, text) => self.say(code, text).await,
            Behaviour::StallAfterData => self.stall().await,
            Behaviour::RawAfterData(bytes) => self.raw(&bytes).await,
            Behaviour::DisconnectAfterDot => Err(Over),
            Behaviour::SlowAfterData(wait) => {
                tokio::time::sleep(wait).await;
                self.say(250, "taken, late").await
            }
            _ => self.say(250, "taken").await,
        }
    }

    /// Reads up to the dot.
    async fn message(&mut self, cut: bool) -> Result<String, Over> {
        let mut raw = String::new();
        loop {
            let line = self.line().await?;
            if cut {
                return Err(Over);
            }
            if line == "." {
                return Ok(raw);
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push_str("\r\n");
        }
    }

    fn note(&self, to: String, raw: &str, reply: Option<u16>) {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
        let received = Received {
            to,
            from: self.from.clone(),
            head: head.to_owned(),
            text: decode::body(head, body),
            message_id: decode::header(head, "Message-ID").unwrap_or_default(),
            reply,
            at: self.state.born.elapsed(),
            connection: self.number,
        };
        self.state.journal.send_modify(|journal| journal.push(received));
    }
}

/// What stands between `<` and `>`.
fn address_in(text: &str) -> String {
    let after = text.split_once('<').map_or("", |(_, after)| after);
    after.split_once('>').map_or("", |(address, _)| address).to_owned()
}
