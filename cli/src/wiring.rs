//! Which implementations stand behind the ports.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_backends::board::{memory::MemoryBoard, redis::RedisBoard};
use keybell_backends::events::{memory::MemoryEvents, rabbitmq::RabbitEvents};
use keybell_backends::ledger::SqlLedger;
use keybell_backends::queue::{memory::MemoryQueue, rabbitmq::RabbitQueue};
use keybell_backends::webhooks::HttpWebhooks;
use keybell_shared::config::{Config, RunMode};
use keybell_shared::ports::board::Board;
use keybell_shared::ports::events::EventSink;
use keybell_shared::ports::ledger::LeaderLedger as _;
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::ports::requests::RequestQueue;
use keybell_shared::ports::webhooks::WebhookSender;
use tokio_util::sync::CancellationToken;

use crate::lock::FolderLock;
use crate::outcome::Exit;

/// How many messages a queue of the embedded mode holds; the window of queued items is smaller.
const EMBEDDED_QUEUE: usize = 20_000;

/// The ports of this process.
pub(crate) struct Backends {
    pub(crate) ledger: Arc<SqlLedger>,
    pub(crate) queue: Arc<dyn WorkQueue>,
    pub(crate) board: Arc<dyn Board>,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) requests: Option<Arc<dyn RequestQueue>>,
    pub(crate) webhooks: Arc<dyn WebhookSender>,
    /// Holds the embedded folder for this process.
    _lock: Option<FolderLock>,
}

/// Opens the ledger alone: enough for looking at things.
pub(crate) async fn open(config: &Config) -> Result<Backends> {
    match config.mode {
        RunMode::Embedded => embedded(config).await,
        RunMode::Cluster => cluster(config),
    }
}

/// The same, for whoever looks at what is there, or changes it: a folder without a ledger is not made, for then its name is
/// most likely misspelt.
pub(crate) async fn open_existing(config: &Config) -> Result<Backends> {
    if is_missing(config) {
        return Err(Exit::NotFound.because(format!(
            "there is {}, so there is no district yet: correct --folder (or `folder` in the configuration), or bring a roster \
             in with `keybell roster import PATH`, which makes it",
            missing(config)
        )));
    }
    open(config).await
}

/// Whether the embedded mode has no ledger yet.
pub(crate) fn is_missing(config: &Config) -> bool {
    config.mode == RunMode::Embedded && !ledger_file(config).exists()
}

/// What is missing there, in words.
pub(crate) fn missing(config: &Config) -> String {
    let what = if config.folder.exists() { "no ledger in" } else { "no folder" };
    format!("{what} {}", config.folder.display())
}

fn ledger_file(config: &Config) -> PathBuf {
    config.folder.join("keybell.sqlite")
}

async fn embedded(config: &Config) -> Result<Backends> {
    let lock = FolderLock::take(&config.folder)?;
    let ledger = SqlLedger::sqlite(&ledger_file(config))
        .await
        .with_context(|| format!("the ledger in {}", config.folder.display()))?;
    ledger.migrate().await.with_context(|| format!("the ledger in {}", config.folder.display()))?;
    crate::keys::create(&crate::configuration::keys_folder(config))?;
    Ok(Backends {
        ledger: Arc::new(ledger),
        queue: MemoryQueue::new(EMBEDDED_QUEUE),
        board: MemoryBoard::new(),
        events: MemoryEvents::new(),
        requests: None,
        webhooks: webhook_sender(config)?,
        _lock: Some(lock),
    })
}

fn cluster(config: &Config) -> Result<Backends> {
    let ledger = SqlLedger::postgres(&config.database.url, config.database.connections)?;
    let queue = RabbitQueue::new(&config.broker.url, &config.broker.prefix);
    let board = RedisBoard::new(&config.redis.url, &config.redis.prefix).context("redis.url")?;
    Ok(Backends {
        ledger: Arc::new(ledger),
        events: RabbitEvents::new(&queue),
        requests: Some(Arc::clone(&queue) as Arc<dyn RequestQueue>),
        webhooks: webhook_sender(config)?,
        queue,
        board,
        _lock: None,
    })
}

fn webhook_sender(config: &Config) -> Result<Arc<dyn WebhookSender>> {
    Ok(HttpWebhooks::new(&config.webhooks).map_err(anyhow::Error::msg)?)
}

impl Backends {
    /// Waits, with one clear line, until the ledger answers and has this version's tables. Answers `false` when the process
    /// was told to stop before.
    pub(crate) async fn wait_for_ledger(&self, stop: &CancellationToken) -> bool {
        let waiting = async {
            let mut told = false;
            while let Err(error) = self.ledger.ping().await {
                if !told {
                    tracing::warn!("waiting for the database (database.url): {error}; `keybell doctor` explains");
                    told = true;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if told {
                tracing::info!("the database answers");
            }
        };
        stop.run_until_cancelled(waiting).await.is_some()
    }

    /// Closes the ledger, so that an embedded file is complete.
    pub(crate) async fn close(self) {
        self.ledger.close().await;
    }
}
