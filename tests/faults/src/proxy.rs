//! A TCP proxy of our own between Keybell and PostgreSQL. It can do what no command of the server can: let a transaction
//! be committed and lose the answer.

mod answers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::answers::{Answers, Piece};

/// A proxy on a port of its own, transparent until it is told otherwise. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    commits: Arc<Commits>,
    task: JoinHandle<()>,
}

/// What it does to its connections.
#[derive(Clone, Copy, Debug, Default)]
struct Mood {
    /// How often everything was cut. A connection ends when this is no longer what it was at its beginning.
    cuts: u64,
    /// Nothing passes, but nothing is closed.
    frozen: bool,
    /// What every chunk waits for.
    delay: Duration,
}

/// Answers to COMMIT.
#[derive(Debug, Default)]
struct Commits {
    /// That are still to be swallowed.
    wanted: AtomicU32,
    /// That were swallowed.
    cut: AtomicU64,
}

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// One side closed it.
    Closed,
    /// One side or we broke it: both sides are to see that.
    Broken,
}

impl Proxy {
    /// Leads to this server, whether it is up or not.
    pub(crate) async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the proxy has no free port")?;
        let address = listener.local_addr().context("the proxy has no address")?;
        let (mood, commits) = (watch::Sender::new(Mood::default()), Arc::<Commits>::default());
        let task = tokio::spawn(accept(listener, target, mood.clone(), Arc::clone(&commits)));
        Ok(Self { address, mood, commits, task })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next so many answers to COMMIT are swallowed, and their connections reset, on both sides. What was committed
    /// stays so. This replaces what was still to come of an earlier call: with 0 nothing more is cut.
    pub(crate) fn cut_at_commit(&self, times: u32) {
        self.commits.wanted.store(times, SeqCst);
    }

    /// How many answers to COMMIT were swallowed so far.
    pub(crate) fn commits_cut(&self) -> u64 {
        self.commits.cut.load(SeqCst)
    }

    /// Resets every connection. New ones are welcome.
    pub(crate) fn cut_all(&self) {
        self.mood.send_modify(|mood| mood.cuts += 1);
    }

    /// Every chunk waits for so long, in both directions; zero: no more.
    pub(crate) fn delay(&self, delay: Duration) {
        self.mood.send_modify(|mood| mood.delay = delay);
    }

    /// Lets nothing pass, without closing anything, until it is told otherwise.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.mood.send_modify(|mood| mood.frozen = frozen);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut_all();
    }
}

impl Commits {
    /// Whether this one is to be swallowed.
    fn swallow(&self) -> bool {
        let wanted = self.wanted.fetch_update(SeqCst, SeqCst, |wanted| wanted.checked_sub(1)).is_ok();
        if wanted {
            self.cut.fetch_add(1, SeqCst);
        }
        wanted
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, mood: watch::Sender<Mood>, commits: Arc<Commits>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of files for a moment, for example.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (mood, commits) = (mood.subscribe(), Arc::clone(&commits));
        tokio::spawn(async move {
            let cuts = mood.borrow().cuts;
            match TcpStream::connect(target).await {
                Ok(server) => connection(client, server, mood, cuts, &commits).await,
                // As near as we come to a refused connection.
                Err(_) => reset(&client),
            }
        });
    }
}

/// One connection, to its end.
async fn connection(
    mut client: TcpStream,
    mut server: TcpStream,
    mood: watch::Receiver<Mood>,
    cuts: u64,
    commits: &Commits,
) {
    for socket in [&client, &server] {
        drop(socket.set_nodelay(true));
    }
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            // A client that says nothing more may still want to hear the answer.
            end = async {
                match questions(from_client, to_server, mood.clone()).await {
                    End::Closed => std::future::pending().await,
                    End::Broken => End::Broken,
                }
            } => end,
            end = answers(from_server, to_client, mood.clone(), commits) => end,
            () = is_cut(mood.clone(), cuts) => End::Broken,
        }
    };
    if end == End::Broken {
        reset(&client);
        reset(&server);
    }
}

async fn questions(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut mood: watch::Receiver<Mood>) -> End {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) => {
                drop(to.shutdown().await);
                return End::Closed;
            }
            Ok(count) => count,
            Err(_) => return End::Broken,
        };
        pause(&mut mood).await;
        if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            return End::Broken;
        }
    }
}

async fn answers(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut mood: watch::Receiver<Mood>,
    commits: &Commits,
) -> End {
    let mut answers = Answers::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) => return End::Closed,
            Ok(count) => count,
            Err(_) => return End::Broken,
        };
        // Cut at once, also when everything is slow: the answer is lost as soon as it is there.
        let mut passing = Vec::with_capacity(count);
        answers.add(buffer.get(..count).unwrap_or_default());
        while let Some(piece) = answers.take() {
            match piece {
                Piece::Committed(_) if commits.swallow() => return End::Broken,
                Piece::Committed(bytes) | Piece::Other(bytes) => passing.extend(bytes),
            }
        }
        pause(&mut mood).await;
        if to.write_all(&passing).await.is_err() {
            return End::Broken;
        }
    }
}

async fn pause(mood: &mut watch::Receiver<Mood>) {
    let delay = mood.borrow().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    // An error means that the proxy itself is gone, and then every connection is cut.
    drop(mood.wait_for(|mood| !mood.frozen).await);
}

async fn is_cut(mut mood: watch::Receiver<Mood>, cuts: u64) {
    // An error means that the proxy itself is gone.
    drop(mood.wait_for(|mood| mood.cuts != cuts).await);
}

/// What is not sent yet is lost, and the other side sees an error and no end.
fn reset(socket: &TcpStream) {
    drop(socket.set_zero_linger());
}

#[cfg(test)]
mod tests;
