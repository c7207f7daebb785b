//! One prefix on Redis, and raw access to it.

use keybell_shared::ids::TaskId;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Client};
use serde_json::Value;

/// The names of one test on Redis; they are deleted with it.
pub struct Live {
    url: String,
    prefix: String,
}

impl Live {
    /// Keys that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { url: url(), prefix: prefix.to_owned() }
    }

    /// Where Redis is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The snapshot of a task, as it lies on Redis.
    ///
    /// # Panics
    /// When Redis does not answer, or has no JSON there.
    pub async fn snapshot(&self, task: TaskId) -> Option<Value> {
        let key = format!("{}:task:{task}", self.prefix);
        let text: Option<String> = self.connection().await.hget(key, "snapshot").await.unwrap_or_else(refused);
        text.map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
    }

    /// Deletes every key of the prefix, as flushing Redis would. Answers how many there were.
    ///
    /// # Panics
    /// When Redis does not answer.
    pub async fn flush(&self) -> usize {
        let mut connection = self.connection().await;
        let keys: Vec<String> = connection.keys(format!("{}:*", self.prefix)).await.unwrap_or_else(refused);
        for key in &keys {
            connection.del::<_, ()>(key).await.unwrap_or_else(refused);
        }
        keys.len()
    }

    async fn connection(&self) -> MultiplexedConnection {
        let client = Client::open(self.url.as_str()).unwrap_or_else(refused);
        client.get_multiplexed_async_connection().await.unwrap_or_else(refused)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        // A thread of its own, because the test's runtime may be ending.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
            let live = std::mem::ManuallyDrop::new(Self { url, prefix });
            runtime.block_on(live.flush());
        });
        let cleaned = cleaning.join().is_ok() || std::thread::panicking();
        assert!(cleaned, "the keys that begin with {} could not be deleted from Redis", self.prefix);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `unwrap_or_else` wants it")]
fn refused<T>(error: redis::RedisError) -> T {
    panic!("Redis: {error}; start the services: eval \"$(scripts/services env)\"")
}

#[expect(clippy::disallowed_methods, reason = "where the test services are is no part of the configuration")]
fn url() -> String {
    std::env::var("KEYBELL_REDIS_URL").unwrap_or_else(|_| {
        panic!("KEYBELL_REDIS_URL is not set; start the services: eval \"$(scripts/services env)\"")
    })
}
