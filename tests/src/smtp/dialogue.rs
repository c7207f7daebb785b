//! The server's side of a connection.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each step of a dialogue knows its own behaviours; the rest accept"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::{Stopwatch, wall};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Behaviour, Greeting, Manner, Received, State, decode, lock};
use crate::tries::Owed;

/// Takes connections until it is aborted, and with it every dialogue.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
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
    signed_in: bool,
    lean: bool,
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
        Self {
            reader,
            writer,
            number,
            state,
            from: String::new(),
            to: None,
            messages: 0,
            signed_in: false,
            lean: false,
        }
    }

    async fn run(mut self) -> Result<(), Over> {
        let manner = lock(&self.state.manner).clone();
        if manner.connections.is_some_and(|most| lock(&self.state.counts).open > most) {
            return self.say(421, "too many connections").await;
        }
        self.lean = manner.lean;
        let greet = lock(&self.state.greet).clone();
        match greet.map_or(manner.greeting, |greet| greet(self.number)) {
            Greeting::Normal => {}
            Greeting::Slow(wait) => tokio::time::sleep(wait).await,
            Greeting::Silent => self.stall().await?,
            Greeting::Raw(bytes) => self.raw(&bytes).await?,
            Greeting::Drip(pause) => self.drip(b"220 slow.example.org at your service\r\n", pause).await?,
        }
        self.say(220, "test.example.org").await?;
        loop {
            let line = self.line().await?;
            if !self.lean {
                lock(&self.state.commands).push(line.clone());
            }
            let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => self.hello().await?,
                "STARTTLS" => self.starttls().await?,
                "AUTH" => self.auth(rest).await?,
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

    async fn drip(&mut self, bytes: &[u8], pause: Duration) -> Result<(), Over> {
        for byte in bytes {
            self.writer.write_all(&[*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
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
        let Manner { auth, credentials, starttls, .. } = lock(&self.state.manner).clone();
        let mut answer = "250-test.example.org\r\n".to_owned();
        if auth.is_some() || credentials.is_some() {
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

    async fn auth(&mut self, rest: &str) -> Result<(), Over> {
        let Manner { auth, credentials, .. } = lock(&self.state.manner).clone();
        match (auth, credentials) {
            (Some((code, text)), _) => self.say(code, text).await,
            (None, Some((username, password))) => {
                let given = rest.split_once(' ').filter(|(mechanism, _)| mechanism.eq_ignore_ascii_case("PLAIN"));
                let given = given.map(|(_, response)| decode::base64(response));
                self.signed_in = given == Some(format!("\0{username}\0{password}").into_bytes());
                let (code, text) = if self.signed_in { (235, "2.7.0 welcome") } else { (535, "5.7.8 who are you?") };
                self.say(code, text).await
            }
            (None, None) => self.say(502, "not here").await,
        }
    }

    async fn mail(&mut self, rest: &str) -> Result<(), Over> {
        let (answer, limit, stranger) = {
            let mut manner = lock(&self.state.manner);
            let stranger = manner.credentials.is_some() && !self.signed_in;
            (manner.at_mail.pop_front(), manner.messages_per_connection, stranger)
        };
        if stranger {
            return self.say(530, "5.7.0 sign in first").await;
        }
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
        match self.behaviour(&to) {
            Behaviour::AtRecipient(code, text) => self.say(code, text).await,
            Behaviour::StallAtRecipient => self.stall().await,
            other => {
                self.to = Some((to, other));
                self.say(250, "recipient ok").await
            }
        }
    }

    /// As scripted, else as decided, else as everybody likes it.
    fn behaviour(&self, to: &str) -> Behaviour {
        let scripted = lock(&self.state.scripts).get_mut(to).and_then(VecDeque::pop_front);
        let decide = lock(&self.state.decide).clone();
        let one_more = lock(&self.state.tries).count(to);
        scripted.or_else(|| decide.map(|decide| decide(&one_more))).unwrap_or(Behaviour::Accept)
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
        let owed = reply.map(|_| Owed::one(&self.state.owed));
        let (place, arrived) = self.note(to, &raw, reply);
        match behaviour {
            Behaviour::StallAfterData => return self.stall().await,
            Behaviour::RawAfterData(bytes) => return self.raw(&bytes).await,
            Behaviour::DisconnectAfterDot => return Err(Over),
            Behaviour::AfterData(code, text) => {
                let said = self.say(code, text).await;
                // A 421 has left as well, and is the end.
                self.answered(place, arrived);
                said?;
            }
            Behaviour::SlowAfterData(wait) => {
                tokio::time::sleep(wait).await;
                self.say(250, "taken, late").await?;
                self.answered(place, arrived);
            }
            Behaviour::DripAfterData(pause) => {
                self.drip(b"250 ok\r\n", pause).await?;
                self.answered(place, arrived);
            }
            _ => {
                self.say(250, "taken").await?;
                self.answered(place, arrived);
            }
        }
        drop(owed);
        Ok(())
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

    /// Writes a message into the journal, and answers its place there.
    fn note(&self, to: String, raw: &str, reply: Option<u16>) -> (usize, Stopwatch) {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
        let received = Received {
            to,
            from: self.from.clone(),
            head: if self.lean { String::new() } else { head.to_owned() },
            text: decode::body(head, body),
            message_id: decode::header(head, "Message-ID").unwrap_or_default(),
            reply,
            at: self.state.born.elapsed(),
            arrived: wall(),
            answered: None,
            connection: self.number,
        };
        let mut place = 0;
        self.state.journal.send_modify(|journal| {
            place = journal.len();
            journal.push(received);
        });
        (place, Stopwatch::start())
    }

    /// Notes that the answer to a message has left.
    fn answered(&self, place: usize, arrived: Stopwatch) {
        self.state.journal.send_modify(|journal| {
            if let Some(received) = journal.get_mut(place) {
                received.answered = Some(arrived.elapsed());
            }
        });
    }
}

/// What stands between `<` and `>`.
fn address_in(text: &str) -> String {
    let after = text.split_once('<').map_or("", |(_, after)| after);
    after.split_once('>').map_or("", |(address, _)| address).to_owned()
}
