//! The stream below an SMTP connection: bounded, and read line by line.
//!
//! lettre reads a reply's line into memory until it ends, so a server that never ends one would fill it: more than
//! [`CAP`] bytes or [`LINES`] lines without anything written in between are an error. And no read goes past a line's end: what a server
//! (or somebody in between) sends after its answer to STARTTLS would otherwise wait in lettre's buffer and pass for an
//! answer inside TLS. So it reaches the TLS handshake and breaks it.
//!
//! What is written leaves when an answer is read, in one piece: lettre writes a message in two parts.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use zeroize::{Zeroize as _, Zeroizing};

/// The most bytes that a server may send before we write again. An EHLO answer has a few hundred, a TLS handshake with
/// a long chain 10 KiB.
const CAP: usize = 32 * 1024;
/// The most line ends that a server may send before we write again: lettre reads an answer from its start again with
/// every line. An EHLO answer has about twenty; encrypted bytes have one in 256 that looks like one.
const LINES: usize = 256;
/// Read at a time.
const CHUNK: usize = 4096;
/// So many bytes are written at once, at most.
const PIECE: usize = 64 * 1024;

/// A TCP stream that hands out at most one line per read, and not too much between two writes.
pub(super) struct LineStream {
    tcp: TcpStream,
    buffer: Vec<u8>,
    /// How far the buffer was handed out.
    taken: usize,
    /// Bytes and line ends since we last wrote.
    heard: (usize, usize),
    /// Written, and not sent yet. It may hold a password.
    unsent: Zeroizing<Vec<u8>>,
    /// How much of it was sent.
    sent: usize,
}

impl LineStream {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: Vec::with_capacity(CHUNK), taken: 0, heard: (0, 0), unsent: Zeroizing::default(), sent: 0 }
    }

    /// Sends what was written.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.unsent.get(self.sent..)
            && !rest.is_empty()
        {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.sent += length,
            }
        }
        if self.sent > 0 {
            self.unsent.zeroize();
            self.sent = 0;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.taken = 0;
        self.buffer.resize(CHUNK, 0);
        let mut chunk = ReadBuf::new(&mut self.buffer);
        let answer = Pin::new(&mut self.tcp).poll_read(cx, &mut chunk);
        let length = if answer.is_ready() { chunk.filled().len() } else { 0 };
        self.buffer.truncate(length);
        ready!(answer)?;
        self.heard.0 += length;
        if self.heard.0 > CAP { Poll::Ready(Err(endless())) } else { Poll::Ready(Ok(())) }
    }
}

fn endless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server's answer has no end")
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
        ready!(this.poll_send(cx))?;
        if this.taken >= this.buffer.len() {
            ready!(this.poll_fill(cx))?;
        }
        let rest = this.buffer.get(this.taken..).unwrap_or_default();
        let line = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
        let length = line.min(buf.remaining());
        let given = rest.get(..length).unwrap_or_default();
        if given.ends_with(b"\n") {
            this.heard.1 += 1;
            if this.heard.1 > LINES {
                return Poll::Ready(Err(endless()));
            }
        }
        buf.put_slice(given);
        this.taken += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.heard = (0, 0);
        if this.unsent.len() >= PIECE {
            ready!(this.poll_send(cx))?;
        }
        let length = bytes.len().min(PIECE);
        this.unsent.extend_from_slice(bytes.get(..length).unwrap_or_default());
        Poll::Ready(Ok(length))
    }

    /// Whoever writes reads an answer next, and that sends it.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A stream whose other end says this.
    async fn hearing(bytes: Vec<u8>) -> (LineStream, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let other = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("accepted");
            // Fails when the reader leaves early, which is what it shall do.
            drop(socket.write_all(&bytes).await);
        });
        (LineStream::new(TcpStream::connect(address).await.expect("connected")), other)
    }

    #[tokio::test]
    async fn a_read_ends_where_a_line_ends() {
        let (mut stream, other) = hearing(b"220 go on\r\n250 sneaked in\r\n".to_vec()).await;
        other.await.expect("said");
        let mut buffer = [0; 100];
        let length = stream.read(&mut buffer).await.expect("read");
        assert_eq!(&buffer[..length], b"220 go on\r\n");
        let length = stream.read(&mut buffer[..5]).await.expect("read");
        assert_eq!(&buffer[..length], b"250 s");
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_an_error() {
        for answer in [vec![b'x'; 8 * 1024 * 1024], b"250-and so on\r\n".repeat(100_000)] {
            let (mut stream, other) = hearing(answer).await;
            let mut heard = Vec::new();
            let error = stream.read_to_end(&mut heard).await.expect_err("no end");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(heard.len() <= CAP, "{}", heard.len());
            assert!(heard.split(|&byte| byte == b'\n').count() <= LINES + 1);
            drop(stream);
            other.await.expect("no panic");
        }
    }
}
