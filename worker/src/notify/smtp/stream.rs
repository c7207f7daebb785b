//! The stream below an SMTP connection: bounded, and read line by line.
//!
//! lettre reads a reply's line into memory until it ends, so a server that never ends one would fill it: more than
//! [`CAP`] bytes without anything written in between is an error. And no read goes past a line's end: what a server
//! (or somebody in between) sends after its answer to STARTTLS would otherwise wait in lettre's buffer and pass for an
//! answer inside TLS. So it reaches the TLS handshake and breaks it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most bytes that a server may send before we write again. An EHLO answer has a few hundred, a TLS handshake with
/// a long chain 10 KiB.
const CAP: usize = 32 * 1024;
/// Read at a time.
const CHUNK: usize = 4096;

/// A TCP stream that hands out at most one line per read, and not too much between two writes.
pub(super) struct LineStream {
    tcp: TcpStream,
    buffer: Vec<u8>,
    /// How far the buffer was handed out.
    taken: usize,
    since_write: usize,
}

impl LineStream {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: Vec::with_capacity(CHUNK), taken: 0, since_write: 0 }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.taken = 0;
        self.buffer.resize(CHUNK, 0);
        let mut chunk = ReadBuf::new(&mut self.buffer);
        let answer = Pin::new(&mut self.tcp).poll_read(cx, &mut chunk);
        let length = if answer.is_ready() { chunk.filled().len() } else { 0 };
        self.buffer.truncate(length);
        ready!(answer)?;
        self.since_write += length;
        if self.since_write > CAP {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the server's answer has no end")));
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for LineStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineStream")
    }
}

impl AsyncTokioStream for LineStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for LineStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.taken >= this.buffer.len() {
            ready!(this.poll_fill(cx))?;
        }
        let rest = this.buffer.get(this.taken..).unwrap_or_default();
        let line = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let length = line.min(buf.remaining());
        buf.put_slice(rest.get(..length).unwrap_or_default());
        this.taken += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.since_write = 0;
        Pin::new(&mut this.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
