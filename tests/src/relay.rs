//! A TCP relay between a client and a real server, to break the network on purpose.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the relay does to its connections.
#[derive(Clone, Copy, Debug, Default)]
struct Mood {
    /// How often everything was cut. A connection ends when this is no longer what it was at its beginning.
    cuts: u64,
    /// Nothing passes, but nothing is closed.
    frozen: bool,
    /// New connections are closed at once.
    down: bool,
}

/// A relay on a port of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Relays to `target`, which is `host:port`.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let mood = watch::Sender::new(Mood::default());
        let task = tokio::spawn(accept(listener, target.to_owned(), mood.clone()));
        Self { address, mood, task }
    }

    /// Relays to the server of `url`, which must name its port. Answers the relay and the URL that goes through it.
    ///
    /// # Panics
    /// When `url` has no `://`.
    pub async fn before(url: &str) -> (Self, String) {
        let begin = url.find("://").map_or_else(|| panic!("`://` is missing in a URL"), |at| at + 3);
        let end = url[begin..].find(['/', '?']).map_or(url.len(), |at| begin + at);
        let host = url[begin..end].rfind('@').map_or(begin, |at| begin + at + 1);
        let relay = Self::start(&url[host..end]).await;
        let through = format!("{}{}{}", &url[..host], relay.address, &url[end..]);
        (relay, through)
    }

    /// Where the relay listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection. New ones are welcome.
    pub fn cut(&self) {
        self.mood.send_modify(|mood| mood.cuts += 1);
    }

    /// Closes every connection, and new ones too, until [`resume`](Self::resume).
    pub fn down(&self) {
        self.mood.send_modify(|mood| {
            mood.cuts += 1;
            mood.down = true;
        });
    }

    /// Lets nothing pass, without closing anything, until [`resume`](Self::resume).
    pub fn freeze(&self) {
        self.mood.send_modify(|mood| mood.frozen = true);
    }

    /// Works again.
    pub fn resume(&self) {
        self.mood.send_modify(|mood| {
            mood.frozen = false;
            mood.down = false;
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, target: String, mood: watch::Sender<Mood>) {
    while let Ok((client, _)) = listener.accept().await {
        let now = *mood.borrow();
        if now.down {
            continue;
        }
        let (target, mood) = (target.clone(), mood.subscribe());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            for socket in [&client, &server] {
                drop(socket.set_nodelay(true));
            }
            let (client, server) = (client.into_split(), server.into_split());
            // The first direction that ends takes the other one with it.
            tokio::select! {
                () = carry(client.0, server.1, mood.clone()) => {}
                () = carry(server.0, client.1, mood.clone()) => {}
                () = is_cut(mood, now.cuts) => {}
            }
        });
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mood: watch::Receiver<Mood>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let thawed = mood.wait_for(|mood| !mood.frozen).await.is_ok();
        let read = buffer.get(..count).unwrap_or_default();
        if !thawed || to.write_all(read).await.is_err() {
            break;
        }
    }
}

async fn is_cut(mut mood: watch::Receiver<Mood>, cuts: u64) {
    // An error means that the relay itself is gone.
    drop(mood.wait_for(|mood| mood.cuts != cuts).await);
}
