//! Keeps one connection to the broker up: connect, declare the topology, wait for the end, wait a little, again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::error::QueueError;
use keybell_shared::retry::{RetryPolicy, delay_after};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::live::Live;
use super::topology::Topology;

/// The waits between attempts to connect.
const RECONNECT: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), multiplier: 2.0, max: Duration::from_secs(2), jitter: 0.2 };

/// A connection that lasted this long was a good one: the waits begin anew.
const GOOD: Duration = Duration::from_secs(10);

/// How the connection stands.
enum State {
    /// Up, as far as anybody noticed.
    Up(Arc<Live>),
    /// Down, with the reason of the last attempt.
    Down(QueueError),
}

impl State {
    /// Whether there is something to say to a caller: a connection, or a reason that waiting does not cure.
    fn is_settled(&self) -> bool {
        match self {
            Self::Up(live) => live.is_up(),
            Self::Down(QueueError::Refused(_)) => true,
            Self::Down(QueueError::Unavailable(_)) => false,
        }
    }
}

/// A connection that is kept up from its first use until this is dropped.
pub(super) struct Link {
    keeper: Keeper,
    state: watch::Sender<State>,
    task: OnceLock<JoinHandle<()>>,
}

impl Link {
    pub(super) fn new(url: SecretString, role: &'static str, topology: Arc<Topology>) -> Self {
        let down = State::Down(QueueError::Unavailable("not connected yet".to_owned()));
        Self { keeper: Keeper { url, role, topology }, state: watch::Sender::new(down), task: OnceLock::new() }
    }

    /// The connection, as soon as it is up.
    ///
    /// # Errors
    /// At once when the broker refuses us; `Unavailable` when there is no connection within `wait`.
    pub(super) async fn live(&self, wait: Duration) -> Result<Arc<Live>, QueueError> {
        self.task.get_or_init(|| tokio::spawn(self.keeper.clone().run(self.state.clone())));
        let mut states = self.state.subscribe();
        let settled = timeout(wait, states.wait_for(State::is_settled)).await;
        // Not the awaited value itself: it holds the lock of the channel.
        drop(settled);
        match &*self.state.borrow() {
            State::Up(live) if live.is_up() => Ok(Arc::clone(live)),
            State::Up(_) => Err(QueueError::Unavailable("the connection was just lost".to_owned())),
            State::Down(error) => Err(error.clone()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// What is needed to connect.
#[derive(Clone)]
struct Keeper {
    url: SecretString,
    role: &'static str,
    topology: Arc<Topology>,
}

impl Keeper {
    async fn run(self, state: watch::Sender<State>) {
        let mut attempts = 0;
        loop {
            let since = Stopwatch::start();
            match Live::open(&self.url, self.role, &self.topology).await {
                Ok(live) => {
                    let live = Arc::new(live);
                    state.send_replace(State::Up(Arc::clone(&live)));
                    tracing::info!(role = self.role, "connected to the broker");
                    live.ended(self.role).await;
                    live.cut();
                    let lost = QueueError::Unavailable("the connection was lost".to_owned());
                    state.send_replace(State::Down(lost));
                    tracing::warn!(role = self.role, "lost the connection to the broker");
                    attempts = if since.elapsed() < GOOD { attempts + 1 } else { 1 };
                }
                Err(error) => {
                    attempts += 1;
                    tracing::warn!(role = self.role, attempts, %error, "cannot work with the broker; will try again");
                    state.send_replace(State::Down(error));
                }
            }
            tokio::time::sleep(delay_after(attempts, &RECONNECT)).await;
        }
    }
}
