//! A private Redis.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, Client, FromRedisValue};
use serde_json::Value;

use super::place::{Place, find};
use super::process::Server;
use crate::ports::Port;

/// The longest that it may take to answer us.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server, running or not.
pub(crate) struct Redis {
    place: Place,
    port: Port,
    server: Option<Server>,
}

impl Redis {
    pub(super) fn new(parent: &Path) -> Result<Self> {
        Ok(Self { place: Place::make(parent, "redis")?, port: Port::reserve()?, server: None })
    }

    pub(super) fn folder(&self) -> &Path {
        self.place.folder()
    }

    #[cfg(test)]
    pub(super) fn family(&self) -> Vec<u32> {
        self.server.iter().flat_map(Server::family).collect()
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// Starts it with the data that it had, unless it runs.
    pub(crate) async fn start(&mut self) -> Result<()> {
        if self.server.as_mut().is_some_and(|server| server.ended().is_none()) {
            return Ok(());
        }
        let mut command = self.place.command(find(&["redis-server"], "redis-server")?);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.number().to_string(), "--daemonize", "no"]);
        // Everything is written to its folder, in which secrets are looked for later.
        command.arg("--dir").arg(self.place.folder()).args(["--save", "", "--appendonly", "yes"]);
        let mut server = Server::start("redis", &self.place, command).await?;
        server.ready(&self.place, async || self.ask::<String>(redis::cmd("PING")).await.is_ok()).await?;
        self.server = Some(server);
        Ok(())
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    pub(super) async fn stop(&mut self) {
        if let Some(server) = &mut self.server {
            server.ask("TERM", PATIENCE).await;
        }
        self.kill().await;
    }

    /// Deletes everything.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.ask(redis::cmd("FLUSHALL")).await
    }

    /// Answers nobody for so long, but keeps every connection. Comes back when that is over.
    pub(crate) async fn stall(&self, length: Duration) -> Result<()> {
        // Redis counts for itself: it goes on even if nobody is there any more to tell it.
        let milliseconds = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.ask::<()>(redis::cmd("CLIENT").arg("PAUSE").arg(milliseconds).arg("ALL").to_owned()).await?;
        tokio::time::sleep(length).await;
        Ok(())
    }

    /// The snapshots of all tasks below this prefix, each with its task's id.
    pub(crate) async fn snapshots(&self, prefix: &str) -> Result<Vec<(String, Value)>> {
        let mut connection = self.connection().await?;
        let begin = format!("{prefix}:task:");
        let keys = connection.scan::<String>().await.context("Redis does not list its keys")?;
        let mut keys: Vec<String> = keys
            .filter_map(|key| async { key.ok() })
            .filter(|key| std::future::ready(key.starts_with(&begin)))
            .collect()
            .await;
        // A scan may name a key twice.
        keys.sort_unstable();
        keys.dedup();
        let mut snapshots = Vec::with_capacity(keys.len());
        for key in keys {
            let text: Option<String> =
                connection.hget(&key, "snapshot").await.with_context(|| format!("Redis: {key}"))?;
            // Expired meanwhile.
            let Some(text) = text else { continue };
            let snapshot = serde_json::from_str(&text).with_context(|| format!("Redis has no JSON at {key}"))?;
            snapshots.push((key.strip_prefix(&begin).unwrap_or_default().to_owned(), snapshot));
        }
        Ok(snapshots)
    }

    async fn ask<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T> {
        command.query_async(&mut self.connection().await?).await.context("Redis does not do as it is told")
    }

    async fn connection(&self) -> Result<MultiplexedConnection> {
        let client = Client::open(self.url()).context("Redis has no URL")?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        client.get_multiplexed_async_connection_with_config(&config).await.context("Redis does not answer")
    }
}

#[cfg(test)]
mod tests {
    use keybell_shared::clock::Stopwatch;

    use super::*;

    #[tokio::test]
    async fn every_operation() {
        let folder = tempfile::tempdir().expect("a folder");
        super::super::place::open(folder.path()).expect("ours");
        let mut redis = Redis::new(folder.path()).expect("a place");
        redis.start().await.expect("it starts");
        let set = |key: &str, text: &str| redis::cmd("HSET").arg(key).arg("snapshot").arg(text).to_owned();
        redis.ask::<i64>(set("one:task:7", r#"{"version":3}"#)).await.expect("written");
        redis.ask::<i64>(set("one:task:8", r#"{"version":4}"#)).await.expect("written");
        redis.ask::<i64>(set("other:task:9", "{}")).await.expect("written");
        let both = vec![
            ("7".to_owned(), serde_json::json!({"version": 3})),
            ("8".to_owned(), serde_json::json!({"version": 4})),
        ];
        assert_eq!(redis.snapshots("one").await.expect("readable"), both);

        // What a scan for secrets would read.
        let written = |text: &str| {
            let files = std::fs::read_dir(redis.folder().join("appendonlydir")).expect("its data");
            files.flatten().any(|file| String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).contains(text))
        };
        assert!(written("other:task:9"), "the data is on the disk");

        let watch = Stopwatch::start();
        let (stalled, answered) = tokio::join!(redis.stall(Duration::from_millis(600)), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            redis.ask::<String>(redis::cmd("PING")).await.expect("an answer in the end");
            watch.elapsed()
        });
        stalled.expect("it stalls");
        assert!(answered > Duration::from_millis(500), "{answered:?}");

        // What is in its file by now survives: it is written before the answer, and only the disk may be late.
        redis.kill().await;
        assert!(redis.snapshots("one").await.is_err(), "nobody answers");
        redis.start().await.expect("it starts again");
        assert_eq!(redis.snapshots("one").await.expect("readable"), both);

        redis.flush().await.expect("it forgets");
        assert!(redis.snapshots("one").await.expect("readable").is_empty());
        redis.stop().await;
        redis.start().await.expect("it starts again");
        assert!(redis.snapshots("one").await.expect("readable").is_empty());
    }
}
