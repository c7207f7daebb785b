//! E-mail to a mail server.
//!
//! One message is one dialogue inside one deadline: connect, TLS, sign in, MAIL, RCPT, DATA, dot, 250. Only 250 after the
//! dot is success. A connection is used again only after that; any other end closes it, so that a late answer can never
//! be taken for the next message's (lettre's own pool does not promise that, and is not compiled in).

mod connection;
mod failure;
#[cfg(test)]
mod pipelining_tests;
mod pool;
mod server;
mod stream;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;

use super::email::{self, Mime};
use super::{Outgoing, Sender, Sent};
use connection::{Connection, Progress};
use failure::{Cause, Failure};
use pool::Pool;
pub(super) use server::Server;
pub(super) use server::is_loopback;

/// Connects up to where a message could be sent, and says goodbye. Answers what was found, in words.
///
/// # Errors
/// Says what a message would meet.
pub(super) async fn greet(server: &Server, patience: Duration) -> Result<String, String> {
    let progress = Progress::new();
    let opening = Connection::open(server, &progress, connection::Counted::new(&Arc::default()));
    let failure = match tokio::time::timeout(patience, opening).await {
        Ok(Ok(connection)) => {
            connection.close();
            return Ok(server.described());
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure { step: progress.step(), cause: Cause::Late },
    };
    match failure.judge() {
        Sent::ChannelDown { detail, .. }
        | Sent::TemporaryRecipient(detail)
        | Sent::PermanentRecipient(detail)
        | Sent::Unknown(detail)
        | Sent::Accepted(detail) => Err(format!("{}:{}: {detail}", server.host, server.port)),
    }
}

/// A mail server.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    deadline: Duration,
    pool: Arc<Pool>,
}

impl Smtp {
    pub(super) fn new(server: Server, from: Mailbox, connections: usize, deadline: Duration) -> Self {
        Self { server, from, deadline, pool: Pool::new(connections.max(1)) }
    }

    /// The whole dialogue; the caller bounds it.
    async fn dialogue(&self, mime: &Mime, progress: &Progress) -> Result<String, Failure> {
        let mut slot = self.pool.slot().await;
        // One try on a connection that was used before; then on a fresh one.
        if let Some(connection) = self.pool.take() {
            match self.over(connection, mime, progress, self.deadline / 4).await {
                Err(failure) if failure.is_worn_out() => {}
                decided => return decided,
            }
        }
        loop {
            match Connection::open(&self.server, progress, self.pool.count()).await {
                Ok(connection) => return self.over(connection, mime, progress, self.deadline).await,
                // It serves us on other connections: wait for one of those.
                Err(failure) if failure.is_connection_limit() && self.pool.is_connected() => {
                    progress.at(failure::Step::Slot);
                    if let Some(slot) = slot.take() {
                        self.pool.shrink(slot);
                    }
                    slot = self.pool.slot().await;
                    if let Some(connection) = self.pool.take() {
                        return self.over(connection, mime, progress, self.deadline).await;
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Sends over one connection, and keeps it only when all went well.
    async fn over(
        &self,
        mut connection: Connection,
        mime: &Mime,
        progress: &Progress,
        mail: Duration,
    ) -> Result<String, Failure> {
        let said = connection.deliver(mime, progress, mail).await;
        match &said {
            Ok(_) => self.pool.give_back(connection),
            // The server has answered everything: it may be told goodbye.
            Err(Failure { cause: Cause::Refused(code, _), .. }) if *code != 421 => connection.close(),
            Err(_) => drop(connection),
        }
        said
    }
}

#[async_trait]
impl Sender for Smtp {
    async fn send(&self, message: &Outgoing) -> Sent {
        let mime = match email::build(&self.from, message) {
            Ok(mime) => mime,
            Err(error) => return Sent::PermanentRecipient(error.to_string()),
        };
        let progress = Progress::new();
        match tokio::time::timeout(self.deadline, self.dialogue(&mime, &progress)).await {
            Ok(Ok(said)) => Sent::Accepted(said),
            Ok(Err(failure)) => failure.judge(),
            Err(_) => Failure { step: progress.step(), cause: Cause::Late }.judge(),
        }
    }
}
