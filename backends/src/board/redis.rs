//! The board on Redis (6 and later).
//!
//! One hash for each task (`<prefix>:task:<id>`: rank, snapshot) and one channel (`<prefix>:live:<id>`). Nothing waits
//! for Redis longer than about a second, and nothing is lost when it is flushed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use keybell_shared::error::BoardError;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::board::Board;
use keybell_shared::progress::Snapshot;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncCommands, Client, IntoConnectionInfo, RedisError, Script};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The longest that one call may take.
const WAIT: Duration = Duration::from_secs(1);

/// How long a task's last snapshot stays after its end.
const ENDED_TTL: Duration = Duration::from_hours(7 * 24);

/// How long a task's snapshot stays that is not written any more although the task did not end.
const OPEN_TTL: Duration = Duration::from_hours(30 * 24);

/// The live progress view on Redis.
pub struct RedisBoard {
    client: Client,
    prefix: String,
    /// Connects when it is first used, and again by itself.
    connection: OnceCell<ConnectionManager>,
    show: Script,
}

impl RedisBoard {
    /// Prepares a connection to the Redis at `url` (`redis://user:password@host:port/0`, or `rediss`), without waiting
    /// for it. Every key and channel has a name that begins with `prefix` and a colon.
    ///
    /// # Errors
    /// When `url` cannot be read.
    pub fn new(url: &SecretString, prefix: &str) -> Result<Arc<Self>, BoardError> {
        // The parser's own words could repeat the password.
        let unreadable =
            |_| BoardError("redis.url is no Redis URL; write redis://user:password@host:6379/0".to_owned());
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
        let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
        let info = url.expose_secret().into_connection_info().map_err(unreadable)?.set_tcp_settings(settings);
        Ok(Arc::new(Self {
            client: Client::open(info).map_err(unreadable)?,
            prefix: prefix.to_owned(),
            connection: OnceCell::new(),
            show: Script::new(include_str!("show.lua")),
        }))
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(WAIT))
                .set_response_timeout(Some(WAIT))
                // A call that finds Redis down fails; the next one tries again.
                .set_number_of_retries(0);
            ConnectionManager::new_lazy_with_config(self.client.clone(), config)
        };
        self.connection.get_or_try_init(connect).await.cloned()
    }

    fn key(&self, task: TaskId) -> String {
        format!("{}:task:{task}", self.prefix)
    }

    /// Takes a task off the board, as if it had never been shown there.
    ///
    /// # Errors
    /// When Redis cannot be reached.
    pub async fn forget(&self, task: TaskId) -> Result<(), BoardError> {
        bounded(async { self.connection().await?.del(self.key(task)).await }).await
    }

    fn channel(&self, task: TaskId) -> String {
        format!("{}:live:{task}", self.prefix)
    }
}

#[async_trait]
impl Board for RedisBoard {
    async fn show(&self, snapshot: &Snapshot) -> Result<bool, BoardError> {
        let text = serde_json::to_string(snapshot).map_err(|error| BoardError(error.to_string()))?;
        let ttl = if snapshot.state.is_final() { ENDED_TTL } else { OPEN_TTL };
        let mut call = self.show.key(self.key(snapshot.task));
        call.arg(rank(snapshot)).arg(text).arg(ttl.as_secs() * 1000).arg(self.channel(snapshot.task));
        bounded(async { call.invoke_async::<bool>(&mut self.connection().await?).await }).await
    }

    async fn read(&self, task: TaskId) -> Result<Option<Snapshot>, BoardError> {
        let text: Option<String> =
            bounded(async { self.connection().await?.hget(self.key(task), "snapshot").await }).await?;
        Ok(text.and_then(|text| understand(&text)))
    }

    async fn watch(&self, task: TaskId) -> Result<BoxStream<'static, Snapshot>, BoardError> {
        let messages = bounded(async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(self.channel(task)).await?;
            Ok(subscription.into_on_message())
        })
        .await?;
        Ok(messages.filter_map(|message| async move { understand(&message.get_payload::<String>().ok()?) }).boxed())
    }

    async fn ping(&self) -> Result<(), BoardError> {
        bounded(async { redis::cmd("PING").query_async::<()>(&mut self.connection().await?).await }).await
    }
}

/// The order of snapshots of one task, as text of fixed width: epoch, then version. Flipping the sign bit maps the
/// signed numbers, in their order, to unsigned ones.
fn rank(snapshot: &Snapshot) -> String {
    if fault::off(Mechanism::BoardVersion) {
        return String::new();
    }
    let unsigned = |number: i64| number.cast_unsigned() ^ (1 << 63);
    format!("{:020}{:020}", unsigned(snapshot.epoch), unsigned(snapshot.version))
}

/// A text that is no snapshot (of another version of Keybell) counts as none; readers fall back to the ledger.
fn understand(text: &str) -> Option<Snapshot> {
    serde_json::from_str(text).inspect_err(|error| tracing::debug!(%error, "no snapshot on the board")).ok()
}

async fn bounded<T>(call: impl Future<Output = Result<T, RedisError>>) -> Result<T, BoardError> {
    match timeout(WAIT, call).await {
        Ok(answer) => answer.map_err(|error| BoardError(error.to_string())),
        Err(_) => Err(BoardError(format!("no answer within {} s", WAIT.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keybell_shared::clock::Millis;
    use keybell_shared::ids::DistrictId;
    use keybell_shared::progress::Counts;
    use keybell_shared::states::TaskState;

    #[test]
    fn ranks_are_ordered_as_their_numbers() {
        let numbers = [i64::MIN, -10, -9, -1, 0, 1, 9, 10, (1 << 53) + 1, (1 << 53) + 2, i64::MAX - 1, i64::MAX];
        let mut ranks = Vec::new();
        for epoch in numbers {
            for version in numbers {
                ranks.push(rank(&Snapshot {
                    task: TaskId::fresh(),
                    district: DistrictId::fresh(),
                    epoch,
                    version,
                    state: TaskState::Running,
                    counts: Counts::default(),
                    accepted_at: Millis(0),
                    finished_at: None,
                    counted_at: Millis(0),
                }));
            }
        }
        assert!(ranks.is_sorted());
        ranks.dedup();
        assert_eq!(ranks.len(), numbers.len() * numbers.len());
    }
}
