//! Schedulers and workers as processes of their own: what they are told, how they are started, and how they end.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_backends::board::redis::RedisBoard;
use keybell_backends::events::rabbitmq::RabbitEvents;
use keybell_backends::ledger::SqlLedger;
use keybell_backends::queue::rabbitmq::RabbitQueue;
use keybell_hashing::HashPool;
use keybell_scheduler::{SchedulerParts, Wake};
use keybell_shared::config::Config;
use keybell_shared::seal::fresh_pair;
use keybell_shared::stage::Stage;
use keybell_worker::WorkerParts;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

/// The most connections of one process to the database.
const CONNECTIONS: u32 = 8;

/// What a process is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The scheduler.
    Scheduler {
        /// The fewest and the most items that it keeps queued; the defaults without.
        window: Option<(u32, u32)>,
        /// How often it looks for tasks; the default without.
        every: Option<Duration>,
    },
    /// A reset worker whose hashing is waiting.
    Worker {
        /// How long a hash takes.
        each: Duration,
        /// How many are made side by side.
        threads: usize,
    },
}

/// Where the services are, and what the process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// What it is.
    pub(crate) role: Role,
    /// Its name; no other process has it.
    pub(crate) name: String,
    /// PostgreSQL.
    pub(crate) database: String,
    /// RabbitMQ.
    pub(crate) broker: String,
    /// Redis.
    pub(crate) redis: String,
    /// The prefix of all names on both.
    pub(crate) prefix: String,
}

/// A running process. It is killed if it is dropped before it was [stopped](Process::stop).
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts this program again.
    pub(crate) async fn start(setting: &Setting) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own file is not known")?;
        let mut child = Command::new(program).arg("role").stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut stdin = child.stdin.take().context("no way to tell the process what it is")?;
        // The setting holds passwords of services, so it is no argument.
        let line = serde_json::to_string(setting)?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(Self { child, stdin: Some(stdin) })
    }

    /// Its number.
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("a process ended too early; its reason is above")
    }

    /// Lets it finish what is in hand, and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait().await?;
        anyhow::ensure!(status.success(), "a process ended with {status}; its reason is above");
        Ok(())
    }
}

/// Is what standard input says, until that is closed.
pub(crate) async fn run() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let setting: Setting = serde_json::from_str(&line).context("the setting on standard input cannot be read")?;
    let soft = CancellationToken::new();
    let ending = soft.clone();
    // A plain thread: reading blocks until the input is closed, and the process ends without waiting for it.
    std::thread::spawn(move || {
        // Nothing more is said; what counts is the end.
        drop(std::io::stdin().read_line(&mut String::new()));
        ending.cancel();
    });
    be(setting, soft).await
}

async fn be(setting: Setting, soft: CancellationToken) -> Result<()> {
    let ledger = Arc::new(SqlLedger::postgres(&SecretString::from(setting.database), CONNECTIONS)?);
    let queue = RabbitQueue::new(&SecretString::from(setting.broker), &setting.prefix);
    let mut config = Config::default();
    match setting.role {
        Role::Scheduler { window, every } => {
            if let Some((min, max)) = window {
                (config.scheduler.window_min, config.scheduler.window_max) = (min, max);
            }
            config.scheduler.dispatch_every = every.unwrap_or(config.scheduler.dispatch_every);
            let parts = SchedulerParts {
                ledger,
                board: RedisBoard::new(&SecretString::from(setting.redis), &setting.prefix)?,
                events: RabbitEvents::new(&queue),
                queue,
                requests: None,
                webhooks: None,
                reset_key: None,
                passwords: config.passwords.clone(),
                links: config.links,
                config: config.scheduler,
                blackout: config.blackout,
                timing: config.timing,
                holder: setting.name,
                wake: Wake::default(),
                queue_is_new: false,
            };
            keybell_scheduler::run(parts, soft).await;
        }
        Role::Worker { each, threads } => {
            let parts = WorkerParts {
                ledger,
                queue,
                config,
                // Nobody opens anything in a benchmark, so the keys are anybody's.
                reset_key: Some(Arc::new(fresh_pair().0.into())),
                notifier_pub: Some(Arc::new(fresh_pair().1)),
                notifier_key: None,
                pool: Some(Arc::new(HashPool::simulated(each, threads))),
                writer: setting.name,
            };
            let stop = keybell_worker::harness::Stop { soft, hard: CancellationToken::new() };
            keybell_worker::run(&[Stage::Reset], parts, stop).await?;
        }
    }
    Ok(())
}
