//! Starts the stages that a worker process is asked for.

use std::sync::Arc;
use std::time::Duration;

use keybell_hashing::{HashError, HashPool, threads_for};
use keybell_shared::config::Config;
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::seal::{KeyRing, SealKey};
use keybell_shared::stage::Stage;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::dead;
use crate::harness::{self, Handler, Stop};
use crate::notify::{self, SetupError, TemplateError};
use crate::reset;

/// A stage whose loop broke is started again after this long.
const RESTART: Duration = Duration::from_secs(1);

/// What a worker process is made of.
pub struct WorkerParts {
    /// The only truth.
    pub ledger: Arc<dyn Ledger>,
    /// The work queues.
    pub queue: Arc<dyn WorkQueue>,
    /// The whole configuration, already checked.
    pub config: Config,
    /// `reset.key` and those before it: open shared passwords. Needed by the reset stage.
    pub reset_key: Option<Arc<KeyRing>>,
    /// `notifier.pub`: seals new passwords. Needed by the reset stage.
    pub notifier_pub: Option<Arc<SealKey>>,
    /// `notifier.key` and those before it: open sealed passwords. Needed by the e-mail and SMS stages.
    pub notifier_key: Option<Arc<KeyRing>>,
    /// Hashing threads to share with the rest of the process; without, the reset stage starts its own.
    pub pool: Option<Arc<HashPool>>,
    /// This process's name in the ledger's counters: `worker-<hostname>-<pid>`.
    pub writer: String,
}

/// Why a worker does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// No stage was asked for.
    #[error("no stage was asked for; name at least one of reset, email, sms")]
    NoStage,
    /// A stage's key was not given.
    #[error(
        "the stage `{stage}` needs the key file `{file}` in the folder `keys.folder`; make the keys, or copy it there"
    )]
    MissingKey {
        /// The stage.
        stage: Stage,
        /// The file's name.
        file: &'static str,
    },
    /// The hashing threads do not start.
    #[error(transparent)]
    Hashing(#[from] HashError),
    /// A sender is not configured as it must be.
    #[error(transparent)]
    Sender(#[from] SetupError),
    /// A message template makes no sense.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Runs the stages until they are told to stop, together with the consumer of the dead letters.
///
/// # Errors
/// Before anything is consumed: when a key is missing, a sender is misconfigured, or hashing does not pass its self-test.
pub async fn run(stages: &[Stage], parts: WorkerParts, stop: Stop) -> Result<(), StartError> {
    let mut wanted = stages.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Err(StartError::NoStage);
    }
    let mut handlers = Vec::with_capacity(wanted.len() + 1);
    for stage in &wanted {
        handlers.push(match stage {
            Stage::Reset => reset_handler(&parts).await?,
            Stage::Email => notify_handler(&parts, Channel::Email)?,
            Stage::Sms => notify_handler(&parts, Channel::Sms)?,
        });
    }
    handlers.push(dead::handler(
        Arc::<dyn Ledger>::clone(&parts.ledger),
        Arc::clone(&parts.queue),
        &handlers,
        parts.writer.clone(),
    ));
    info!(stages = ?wanted, writer = parts.writer, "worker started");
    let mut loops = JoinSet::new();
    for handler in handlers {
        loops.spawn(keep(Arc::clone(&parts.queue), handler, stop.clone(), parts.config.worker.drain));
    }
    while loops.join_next().await.is_some() {}
    info!("worker stopped");
    Ok(())
}

/// Runs one loop. A loop does not break by itself; if a defect makes it panic, the stage is not silently gone.
async fn keep(queue: Arc<dyn WorkQueue>, handler: Arc<dyn Handler>, stop: Stop, drain: Duration) {
    loop {
        let consuming = harness::run(Arc::clone(&queue), Arc::clone(&handler), stop.clone(), drain);
        let Err(broken) = tokio::spawn(consuming).await else { return };
        error!(source = ?handler.source(), error = %broken, "a stage's loop broke; it is started again");
        if stop.soft.run_until_cancelled(tokio::time::sleep(RESTART)).await.is_none() {
            return;
        }
    }
}

async fn reset_handler(parts: &WorkerParts) -> Result<Arc<dyn Handler>, StartError> {
    let missing = |file| StartError::MissingKey { stage: Stage::Reset, file };
    let open_key = parts.reset_key.clone().ok_or_else(|| missing("reset.key"))?;
    let seal_key = parts.notifier_pub.clone().ok_or_else(|| missing("notifier.pub"))?;
    let pool = match &parts.pool {
        Some(pool) => Arc::clone(pool),
        None => own_pool(&parts.config).await?,
    };
    Ok(reset::handler(reset::Parts {
        ledger: Arc::<dyn Ledger>::clone(&parts.ledger),
        queue: Arc::clone(&parts.queue),
        pool,
        open_key,
        seal_key,
        worker: parts.config.worker,
        seal_ttl: parts.config.timing.seal_ttl,
        writer: parts.writer.clone(),
    }))
}

/// The self-test hashes, which does not belong on the async runtime.
async fn own_pool(config: &Config) -> Result<Arc<HashPool>, HashError> {
    let (cost, threads) = (config.hashing, threads_for(&config.hashing));
    let started = tokio::task::spawn_blocking(move || HashPool::new(&cost, threads)).await;
    started.map_err(|error| HashError::Threads(error.to_string()))?.map(Arc::new)
}

fn notify_handler(parts: &WorkerParts, channel: Channel) -> Result<Arc<dyn Handler>, StartError> {
    let stage = channel.stage();
    let missing = || StartError::MissingKey { stage, file: "notifier.key" };
    let open_key = parts.notifier_key.clone().ok_or_else(missing)?;
    let Config { timing, email, sms, folder, links, .. } = &parts.config;
    let outbox = folder.join("outbox");
    let (sender, connections, slots) = match channel {
        Channel::Email => (notify::email_sender(email, &outbox, timing.send_deadline)?, email.connections, email.slots),
        Channel::Sms => (notify::sms_sender(sms, &outbox, timing.send_deadline)?, sms.connections, sms.slots),
    };
    Ok(notify::handler(notify::Parts {
        channel,
        notices: Arc::<dyn Ledger>::clone(&parts.ledger),
        resets: Arc::<dyn Ledger>::clone(&parts.ledger),
        queue: Arc::clone(&parts.queue),
        open_key,
        sender,
        links: links.clone(),
        timing: *timing,
        connections,
        slots,
        writer: parts.writer.clone(),
    })?)
}
