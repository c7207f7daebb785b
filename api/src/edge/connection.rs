//! Bounds on connections that only the transport can keep: how many there are, and how long a slow one is borne.
//!
//! The server underneath has no time-outs of its own for a head that never ends, so each connection counts for itself.
//! A connection that runs out of time is closed without an answer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// Connections at a time, event streams included; the next one waits to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// When nobody has come for this long, nobody waits to be accepted.
const QUIET: Duration = Duration::from_millis(10);

/// How long each part of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// From the first byte of a request to the end of its head.
    head: Duration,
    /// From there to the first byte of the answer; longer than any handler may take.
    answer: Duration,
    /// Without a byte in either direction; longer than the pause between two keep-alive comments.
    idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), answer: Duration::from_secs(45), idle: Duration::from_secs(75) }
    }
}

/// A listener whose connections are counted and timed.
pub(crate) struct Gate {
    /// Nothing once it is closed.
    listener: Option<TcpListener>,
    soft: CancellationToken,
    slots: Arc<Semaphore>,
    patience: Patience,
}

impl Gate {
    /// Watches over a listener.
    pub(crate) fn new(listener: TcpListener) -> Self {
        let (listener, soft) = (Some(listener), CancellationToken::new());
        Self { listener, soft, slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)), patience: Patience::default() }
    }

    /// Closes when this is cancelled.
    pub(crate) fn until(self, soft: CancellationToken) -> Self {
        Self { soft, ..self }
    }

    /// The next connection. At the end those that the system has greeted already are still served: it would reset them
    /// when the listener is closed. Then new ones are refused, so that their callers go elsewhere.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            if let Some(accepted) = self.soft.run_until_cancelled(Listener::accept(listener)).await {
                return accepted;
            }
            if let Ok(accepted) = tokio::time::timeout(QUIET, Listener::accept(listener)).await {
                return accepted;
            }
            self.listener = None;
        }
        std::future::pending().await
    }
}

impl Listener for Gate {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        // The semaphore is never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let (stream, address) = self.next().await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        (Timed::new(stream, self.patience, slot), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let closed = || io::Error::new(io::ErrorKind::NotConnected, "the listener is closed");
        self.listener.as_ref().map_or_else(|| Err(closed()), TcpListener::local_addr)
    }
}

/// Where a connection comes from: the address of a proxy, if there is one in front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Connected<IncomingStream<'_, Gate>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Self {
        Self(stream.remote_addr().ip())
    }
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked since the last answer.
    Idle,
    /// A head is coming in; the number of bytes of `\r\n\r\n` seen at its end.
    Head(u8),
    /// A head was read; its answer has not begun.
    Asked,
}

impl Phase {
    /// The phase after more bytes came in.
    fn read(self, bytes: &[u8]) -> Self {
        let mut seen = match self {
            Self::Asked => return self,
            Self::Idle => 0,
            Self::Head(seen) => seen,
        };
        for byte in bytes {
            seen = match (seen, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => seen + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if seen == 4 {
                return Self::Asked;
            }
        }
        Self::Head(seen)
    }
}

/// A connection with a deadline.
pub(crate) struct Timed {
    stream: TcpStream,
    phase: Phase,
    deadline: Pin<Box<Sleep>>,
    patience: Patience,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Timed {
    fn new(stream: TcpStream, patience: Patience, slot: Option<OwnedSemaphorePermit>) -> Self {
        // A new connection has no more time for its first head than any other.
        let deadline = Box::pin(tokio::time::sleep(patience.head));
        Self { stream, phase: Phase::Idle, deadline, patience, _slot: slot }
    }

    fn allow(&mut self, time: Duration) {
        self.deadline.as_mut().reset(Instant::now() + time);
    }

    fn took(&mut self, bytes: &[u8]) {
        let next = self.phase.read(bytes);
        match (self.phase, next) {
            (Phase::Idle, Phase::Head(_)) => self.allow(self.patience.head),
            (Phase::Idle | Phase::Head(_), Phase::Asked) => self.allow(self.patience.answer),
            // More of the same head, or of a body: the time that was given must do.
            (Phase::Head(_) | Phase::Asked, _) | (Phase::Idle, Phase::Idle) => {}
        }
        self.phase = next;
    }

    fn gave(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(sent)) if sent > 0) {
            self.phase = Phase::Idle;
            self.allow(self.patience.idle);
        }
        result
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if result.is_ready() {
            self.took(buffer.filled().get(before..).unwrap_or_default());
        }
        // Checked also when bytes came: a sender of one byte a second must not get around it.
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")));
        }
        result
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.gave(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.gave(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SHORT: Patience = Patience {
        head: Duration::from_millis(200),
        answer: Duration::from_millis(1_500),
        idle: Duration::from_millis(1_500),
    };

    async fn pair() -> (Timed, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Timed::new(server.expect("a connection").0, SHORT, None), client.expect("a connection"))
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..head.len() {
            let (one, two) = head.split_at(cut);
            assert_ne!(Phase::Idle.read(one), Phase::Asked, "{cut}");
            assert_eq!(Phase::Idle.read(one).read(two), Phase::Asked, "{cut}");
        }
        assert_eq!(Phase::Idle.read(b"\r\r\n\r\n"), Phase::Asked);
    }

    #[tokio::test]
    async fn a_dripping_head_is_cut_off_although_bytes_keep_coming() {
        let (mut server, mut client) = pair().await;
        let dripping = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut bytes = Vec::new();
        let error = server.read_to_end(&mut bytes).await.expect_err("the deadline");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!bytes.is_empty());
        drop(server);
        dripping.await.expect("the client ends by itself");
    }

    #[tokio::test]
    async fn writing_gives_an_open_stream_more_time() {
        let (mut server, mut client) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
        let mut head = [0; 18];
        server.read_exact(&mut head).await.expect("the head");
        // Three comments, each within the idle time, all together far beyond it.
        for _ in 0..3 {
            let quiet = tokio::time::timeout(Duration::from_millis(600), server.read_u8()).await;
            assert!(quiet.is_err(), "not cut off while it is being written to");
            server.write_all(b":\n\n").await.expect("a comment");
        }
        let error = server.read_u8().await.expect_err("idle in the end");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
