//! One connection to the mail server, and the dialogue on it, step by step, so that every failure knows its step.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;

use super::failure::{Cause, Failure, Step};
use super::server::{Server, Tls};
use super::stream::LineStream;
use super::tls::TlsStream;
use crate::notify::email::Mime;

/// A closing connection may say goodbye for this long.
const GOODBYE: Duration = Duration::from_secs(2);

/// How far the current dialogue has come. Kept outside of it, so that it is still known when the dialogue is cut off.
#[derive(Debug)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(Step::Slot as u8))
    }

    pub(super) fn at(&self, step: Step) {
        self.0.store(step as u8, Ordering::Relaxed);
    }

    pub(super) fn step(&self) -> Step {
        Step::numbered(self.0.load(Ordering::Relaxed))
    }

    fn confused(&self, answer: &Response) -> Failure {
        let text = answer.first_line().unwrap_or_default();
        Failure { step: self.step(), cause: Cause::Confused(format!("{} {text}", answer.code())) }
    }
}

/// Counts a connection as long as it lives.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection on which a message can be sent. It is moved, never shared: who drops it in the middle of a dialogue
/// closes it, so that nobody ever reads the answer to somebody else's message.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// Whether the server takes several commands at once (PIPELINING, RFC 2920).
    pipelining: bool,
    idle: Stopwatch,
    counted: Counted,
}

impl Connection {
    /// Connects, up to where a message can be sent.
    pub(super) async fn open(server: &Server, progress: &Progress, counted: Counted) -> Result<Self, Failure> {
        progress.at(Step::Connect);
        let broken = |step, error: std::io::Error| Failure { step, cause: Cause::Broken(error.to_string()) };
        let address = (server.host.as_str(), server.port);
        let tcp = TcpStream::connect(address).await.map_err(|error| broken(Step::Connect, error))?;
        // lettre writes a message in two parts; without this the second waits for the acknowledgement of the first.
        tcp.set_nodelay(true).map_err(|error| broken(Step::Connect, error))?;
        let stream = LineStream::new(tcp);
        let failed = |error| Failure::of(progress.step(), &error);
        let mut smtp = match &server.tls {
            Tls::None => AsyncSmtpConnection::connect_with_transport(Box::new(stream), &server.hello).await,
            Tls::Required(tls) => {
                let mut smtp = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &server.hello)
                    .await
                    .map_err(failed)?;
                progress.at(Step::Tls);
                // Without STARTTLS on offer this is an error: nothing is ever sent in clear instead.
                smtp.starttls(tls.clone(), &server.hello).await.map(|()| smtp)
            }
            Tls::Wrapped(tls) => {
                progress.at(Step::Tls);
                let stream = TlsStream::connect(stream, tls.clone()).await.map_err(failed)?;
                progress.at(Step::Connect);
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &server.hello).await
            }
        }
        .map_err(failed)?;
        if let Some(credentials) = &server.credentials {
            progress.at(Step::Auth);
            let answer = smtp.auth(DEFAULT_MECHANISMS, credentials).await.map_err(failed)?;
            if !answer.has_code(235) {
                return Err(progress.confused(&answer));
            }
        }
        // lettre keeps to itself which extensions it was offered, so we ask again. A server that does not like that goes
        // without.
        let pipelining = match smtp.command(Ehlo::new(server.hello.clone())).await {
            Ok(answer) => answer.message().any(|line| line.trim().eq_ignore_ascii_case("PIPELINING")),
            Err(error) if error.status().is_some_and(|code| u16::from(code) != 421) => false,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { smtp, pipelining, idle: Stopwatch::start(), counted })
    }

    /// Sends one message and answers what the server said when it took it: 250 after the dot, nothing else.
    pub(super) async fn deliver(
        &mut self,
        mime: &Mime,
        progress: &Progress,
        mail: Duration,
    ) -> Result<String, Failure> {
        let failed = |error| Failure::of(progress.step(), &error);
        progress.at(Step::Mail);
        let (from, to) = (Mail::new(Some(mime.from.clone()), Vec::new()), Rcpt::new(mime.to.clone(), Vec::new()));
        // All that is asked before the message itself may go at once. Each answer means what it means when asked one by
        // one: nothing is handed over yet, and after a refusal the connection is given up, with whatever was not read.
        let first = if self.pipelining { format!("{from}{to}{Data}") } else { from.to_string() };
        // A connection that lay idle may be dead without a sign; a fresh one must still fit into the deadline.
        let answer = tokio::time::timeout(mail, self.smtp.command(first))
            .await
            .map_err(|_| Failure { step: Step::Mail, cause: Cause::Late })?
            .map_err(failed)?;
        if !is_2xx(&answer) {
            return Err(progress.confused(&answer));
        }
        progress.at(Step::Recipient);
        let answer = self.ask(to).await.map_err(failed)?;
        if !is_2xx(&answer) {
            return Err(progress.confused(&answer));
        }
        progress.at(Step::Data);
        let answer = self.ask(Data).await.map_err(failed)?;
        if !answer.has_code(354) {
            return Err(progress.confused(&answer));
        }
        progress.at(Step::Body);
        // lettre ends the last line itself, together with the dot.
        let bytes = mime.bytes.strip_suffix(b"\r\n").unwrap_or(&mime.bytes);
        let answer = self.smtp.message(bytes).await.map_err(failed)?;
        if !answer.has_code(250) {
            return Err(progress.confused(&answer));
        }
        self.idle = Stopwatch::start();
        Ok(format!("250 {}", answer.first_line().unwrap_or_default()))
    }

    /// The answer to a command, which was sent already if the server takes several at once.
    async fn ask(&mut self, command: impl Display) -> Result<Response, Error> {
        if self.pipelining { self.smtp.read_response().await } else { self.smtp.command(command).await }
    }

    /// How long it has done nothing.
    pub(super) fn idle(&self) -> Duration {
        self.idle.elapsed()
    }

    /// Says goodbye without letting anybody wait for it.
    pub(super) fn close(self) {
        let Self { mut smtp, counted, .. } = self;
        drop(counted);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Whether the server answers does not matter: nothing is under way.
                drop(tokio::time::timeout(GOODBYE, smtp.quit()).await);
            });
        }
    }
}

/// Whether the answer is a plain yes; lettre counts 3yz as positive as well.
fn is_2xx(answer: &Response) -> bool {
    (200..=299).contains(&u16::from(answer.code()))
}
