//! A mail server that takes every message, counts it, and forgets it. It must never be what limits the pipeline.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::people::number_in;

/// A line may have so many bytes (RFC 5321 asks for 1000).
const LINE: u64 = 8 * 1024;

/// A running sink; it ends when it is dropped.
pub(super) struct Sink {
    address: SocketAddr,
    tally: Arc<Mutex<Tally>>,
    accepting: JoinHandle<()>,
}

/// What the sink took.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Messages, each counted before its 250.
    pub(super) messages: u64,
    /// The pupils they were for.
    pub(super) pupils: HashSet<u32>,
    /// Recipients that are no pupils of the bench.
    pub(super) strangers: u64,
    /// When the last one came, on the bench's clock.
    pub(super) last: Duration,
}

impl Sink {
    /// Listens on a port of this machine alone. `clock` is the bench's.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(clock: Stopwatch) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the mail sink")?;
        let address = listener.local_addr()?;
        let tally: Arc<Mutex<Tally>> = Arc::default();
        let shared = Arc::clone(&tally);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tally = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A connection that breaks is the pipeline's to notice.
                    serve(stream, &tally, clock).await.unwrap_or_default();
                });
            }
        });
        Ok(Self { address, tally, accepting })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Messages so far.
    pub(super) fn messages(&self) -> u64 {
        self.look(|tally| tally.messages)
    }

    /// Looks at what it took.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Tally) -> T) -> T {
        at(&self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// How far a dialogue is.
#[derive(Default)]
struct Envelope {
    begun: bool,
    recipients: Vec<Option<u32>>,
}

/// What follows from a command.
enum Next {
    Say(&'static [u8]),
    TakeMessage,
    Close,
}

async fn serve(stream: TcpStream, tally: &Mutex<Tally>, clock: Stopwatch) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(32 * 1024, read);
    let mut out = b"220 keybell-bench ESMTP; what comes here is counted and forgotten\r\n".to_vec();
    let (mut line, mut envelope) = (Vec::with_capacity(256), Envelope::default());
    loop {
        // Whoever sends several commands at once gets the answers at once.
        if read.buffer().is_empty() && !out.is_empty() {
            write.write_all(&out).await?;
            out.clear();
        }
        if !next_line(&mut read, &mut line).await? {
            return Ok(());
        }
        match command(&line, &mut envelope) {
            Next::Say(words) => out.extend_from_slice(words),
            Next::Close => {
                out.extend_from_slice(b"221 goodbye\r\n");
                return write.write_all(&out).await;
            }
            Next::TakeMessage => {
                out.extend_from_slice(b"354 go ahead; end with a dot\r\n");
                write.write_all(&out).await?;
                out.clear();
                loop {
                    if !next_line(&mut read, &mut line).await? {
                        return Ok(());
                    }
                    if line == b".\r\n" {
                        break;
                    }
                }
                count(tally, &mut envelope, clock.elapsed());
                out.extend_from_slice(b"250 counted\r\n");
            }
        }
    }
}

/// Reads a line with its end. Answers `false` when there is none, or when it is too long.
async fn next_line(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    read.take(LINE).read_until(b'\n', line).await?;
    Ok(line.ends_with(b"\n"))
}

fn command(line: &[u8], envelope: &mut Envelope) -> Next {
    let is = |word: &[u8]| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if is(b"EHLO") {
        *envelope = Envelope::default();
        return Next::Say(b"250-keybell-bench\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    }
    if is(b"HELO") || is(b"RSET") {
        *envelope = Envelope::default();
        return Next::Say(b"250 fine\r\n");
    }
    if is(b"MAIL FROM:") {
        if envelope.begun {
            return Next::Say(b"503 one message at a time\r\n");
        }
        envelope.begun = true;
        return Next::Say(b"250 fine\r\n");
    }
    if is(b"RCPT TO:") {
        if !envelope.begun {
            return Next::Say(b"503 MAIL first\r\n");
        }
        envelope.recipients.push(address(line).and_then(number_in));
        return Next::Say(b"250 fine\r\n");
    }
    if is(b"DATA") {
        if envelope.recipients.is_empty() {
            return Next::Say(b"503 RCPT first\r\n");
        }
        return Next::TakeMessage;
    }
    if is(b"NOOP") {
        return Next::Say(b"250 fine\r\n");
    }
    if is(b"QUIT") { Next::Close } else { Next::Say(b"500 unknown command\r\n") }
}

/// What stands between the angle brackets.
fn address(line: &[u8]) -> Option<&[u8]> {
    let from = line.iter().position(|byte| *byte == b'<')? + 1;
    let rest = line.get(from..)?;
    rest.get(..rest.iter().position(|byte| *byte == b'>')?)
}

fn count(tally: &Mutex<Tally>, envelope: &mut Envelope, now: Duration) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.messages += 1;
    tally.last = tally.last.max(now);
    for recipient in std::mem::take(envelope).recipients {
        match recipient {
            Some(pupil) => {
                tally.pupils.insert(pupil);
            }
            None => tally.strangers += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn talk(stream: &mut TcpStream, said: &str, until: &str) -> String {
        stream.write_all(said.as_bytes()).await.expect("said");
        let mut heard = String::new();
        while !heard.ends_with(until) {
            let mut bytes = [0; 512];
            let n = stream.read(&mut bytes).await.expect("heard");
            assert!(n > 0, "closed after: {heard}");
            heard.push_str(std::str::from_utf8(&bytes[..n]).expect("text"));
        }
        heard
    }

    #[tokio::test]
    async fn it_speaks_smtp_and_counts_each_message_once() {
        let sink = Sink::start(Stopwatch::start()).await.expect("a sink");
        let mut stream = TcpStream::connect(sink.address()).await.expect("connected");
        talk(&mut stream, "", "forgotten\r\n").await;
        assert!(talk(&mut stream, "EHLO me\r\n", "250 8BITMIME\r\n").await.starts_with("250-"));
        assert!(talk(&mut stream, "DATA\r\n", "\r\n").await.starts_with("503"));
        assert!(talk(&mut stream, "RCPT TO:<pupil-1@bench.invalid>\r\n", "\r\n").await.starts_with("503"));
        // One after the other, then all at once.
        talk(&mut stream, "MAIL FROM:<a@b.c>\r\n", "250 fine\r\n").await;
        assert!(talk(&mut stream, "MAIL FROM:<a@b.c>\r\n", "\r\n").await.starts_with("503"));
        talk(&mut stream, "RCPT TO:<pupil-1@bench.invalid>\r\n", "250 fine\r\n").await;
        talk(&mut stream, "DATA\r\n", "dot\r\n").await;
        talk(&mut stream, "Subject: x\r\n\r\n..\r\nDATA\r\n.\r\n", "250 counted\r\n").await;
        let many = "MAIL FROM:<a@b.c>\r\nRCPT TO:<pupil-2@bench.invalid>\r\nRSET\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\n";
        talk(&mut stream, many, "dot\r\n").await;
        talk(&mut stream, "x\r\n.\r\nQUIT\r\n", "221 goodbye\r\n").await;
        let (messages, pupils, strangers) = sink.look(|tally| (tally.messages, tally.pupils.len(), tally.strangers));
        assert_eq!((messages, pupils, strangers), (2, 1, 1));
    }
}
