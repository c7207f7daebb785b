//! Opens one connection to the broker, within a bounded time, and keeps a handle that can cut it.
//!
//! The client closes a connection by asking the broker. A broker that is blocked or out of reach never answers, and
//! the connection's thread would stay for as long as TCP lasts. So we keep a second handle of the socket and shut the
//! socket down.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keybell_shared::error::QueueError;
use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::errors::explain;

/// A broker that is silent for twice this long, in seconds, is taken for dead.
const HEARTBEAT_SECONDS: u16 = 10;

/// The largest frame, in bytes. The client keeps 64 frames of room for each connection, from its beginning to its end: with
/// the broker's own 128 KiB that would be more memory than everything else that a worker holds. Ours are smaller than one
/// KiB; what is larger travels in several.
const FRAME_MAX: u32 = 16 * 1024;

/// How long the way to the socket may take, and then how long the broker may take to greet us.
const STEP_WAIT: Duration = Duration::from_secs(5);

/// The second handle of a connection's socket; none before there is a socket, and after the cut.
#[derive(Default)]
pub(super) struct Socket(Mutex<Option<TcpStream>>);

impl Socket {
    fn handle(&self) -> MutexGuard<'_, Option<TcpStream>> {
        // No code that holds the lock can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection at once, without a word to the broker.
    pub(super) fn cut(&self) {
        if let Some(stream) = self.handle().take() {
            // An error only says that it is closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Whether the connection was cut, even if the client did not notice yet.
    pub(super) fn is_cut(&self) -> bool {
        self.handle().is_none()
    }
}

/// Opens a connection that the broker lists as `keybell <role>`.
///
/// # Errors
/// `Refused` for a URL that cannot be read, for bad credentials and for an unknown virtual host; else `Unavailable`.
pub(super) async fn open(url: &SecretString, role: &str) -> Result<(Connection, Arc<Socket>), QueueError> {
    let mut uri: AMQPUri = url.expose_secret().parse().map_err(|_| {
        // The parser's own words could repeat the password.
        QueueError::Refused("broker.url is no AMQP URL; write amqp://user:password@host:5672/%2f".to_owned())
    })?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    let at = format!("the broker at {}:{}", uri.authority.host, uri.authority.port);
    let unavailable = |reason: String| QueueError::Unavailable(format!("{at}: {reason}"));

    let socket = Arc::new(Socket::default());
    let kept = Arc::clone(&socket);
    let runtime = lapin::runtime::default_runtime().map_err(|error| explain(&at, &error))?;
    let properties = ConnectionProperties::default().with_connection_name(format!("keybell {role}").into());
    let opening = Connection::connector(
        uri,
        runtime,
        async move |uri, runtime| {
            // Not the client's own ready-made connect: that one logs the URL with its password at TRACE.
            let address = runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
            let stream = timeout(STEP_WAIT, AsyncTcpStream::connect(&runtime, address)).await.map_err(late)??;
            if let AsyncTcpStream::Plain(plain) = &stream {
                *kept.handle() = Some(second_handle(plain.get_ref())?);
            }
            if uri.scheme == AMQPScheme::AMQP {
                return Ok(stream);
            }
            let encrypted = stream.into_tls(&uri.authority.host, TLSConfig::default());
            Ok(timeout(STEP_WAIT, encrypted).await.map_err(late)??)
        },
        properties,
    );
    match timeout(STEP_WAIT * 3, opening).await {
        Ok(Ok(connection)) => Ok((connection, socket)),
        Ok(Err(error)) => Err(explain(&at, &error)),
        Err(_) => {
            socket.cut();
            Err(unavailable(format!("no answer within {} s", (STEP_WAIT * 3).as_secs())))
        }
    }
}

fn late(_: tokio::time::error::Elapsed) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", STEP_WAIT.as_secs()))
}

#[cfg(unix)]
fn second_handle(stream: &tokio::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().map(Into::into)
}

#[cfg(windows)]
fn second_handle(stream: &tokio::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;
    stream.as_socket().try_clone_to_owned().map(Into::into)
}
