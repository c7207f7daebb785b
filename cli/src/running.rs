//! The running parts of a process: API, scheduler, workers.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use keybell_api::ApiParts;
use keybell_scheduler::intake::Intake;
use keybell_scheduler::webhooks::{Desk, WebhookParts};
use keybell_scheduler::{SchedulerParts, Wake};
use keybell_shared::config::{Config, RunMode};
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::stage::Stage;
use keybell_worker::WorkerParts;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::configuration::{keys_folder, outbox};
use crate::context::Context;
use crate::keys::{KeyOwner, open_ring, seal_key, webhook_key};
use crate::stop::Stop;
use crate::wiring::Backends;

/// One part of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The HTTP API.
    Api,
    /// The scheduler.
    Scheduler,
    /// Workers of all stages.
    Workers,
    /// Workers of these stages.
    Stages(Vec<Stage>),
}

/// Running parts, and how to stop them.
pub(crate) struct Everything {
    parts: JoinSet<Result<()>>,
    /// Ends these parts; a child of the process's own token.
    soft: CancellationToken,
}

impl Everything {
    /// Starts parts.
    pub(crate) async fn start(context: &Context, backends: &Backends, stop: &Stop, parts: &[Part]) -> Result<Self> {
        let mut running = Self { parts: JoinSet::new(), soft: stop.soft.child_token() };
        let wake = Wake::default();
        for part in parts {
            match part {
                Part::Api => running.api(context, backends, &wake).await?,
                Part::Scheduler => running.scheduler(context, backends, &wake)?,
                Part::Workers => running.workers(context, backends, stop, &Stage::ALL)?,
                Part::Stages(stages) => running.workers(context, backends, stop, stages)?,
            }
        }
        Ok(running)
    }

    /// In embedded mode nobody else works, so a command that waits for a task works itself: scheduler and workers.
    pub(crate) fn start_if_embedded(context: &Context, backends: &Backends, stop: &Stop, wake: &Wake) -> Result<Self> {
        let mut running = Self { parts: JoinSet::new(), soft: stop.soft.child_token() };
        if context.config.mode == RunMode::Embedded {
            running.scheduler(context, backends, wake)?;
            running.workers(context, backends, stop, &Stage::ALL)?;
        }
        Ok(running)
    }

    /// Starts the API beside what is running.
    pub(crate) async fn api(&mut self, context: &Context, backends: &Backends, wake: &Wake) -> Result<()> {
        let config = &context.config;
        if let Err(error) = seal_key(&keys_folder(config), KeyOwner::Reset) {
            tracing::warn!("shared passwords will be refused: {error:#}");
        }
        let listener = TcpListener::bind(config.http.listen)
            .await
            .with_context(|| format!("http.listen: {} cannot be listened on", config.http.listen))?;
        tracing::info!("the API listens on http://{}", listener.local_addr()?);
        let parts = api_parts(context, backends, wake, self.soft.clone());
        self.parts.spawn(async move { keybell_api::serve(listener, parts).await.context("the API ended") });
        Ok(())
    }

    fn scheduler(&mut self, context: &Context, backends: &Backends, wake: &Wake) -> Result<()> {
        let config = &context.config;
        let parts = SchedulerParts {
            ledger: Arc::clone(&backends.ledger) as Arc<dyn Ledger>,
            queue: Arc::clone(&backends.queue),
            board: Arc::clone(&backends.board),
            events: Arc::clone(&backends.events),
            requests: backends.requests.clone(),
            webhooks: Some(WebhookParts {
                sender: Arc::clone(&backends.webhooks),
                key: webhook_key(&keys_folder(config)),
                config: config.webhooks.clone(),
            }),
            reset_key: seal_key(&keys_folder(config), KeyOwner::Reset).ok(),
            passwords: config.passwords.clone(),
            links: config.links.clone(),
            config: config.scheduler,
            blackout: config.blackout.clone(),
            timing: config.timing,
            holder: process_name("scheduler")?,
            wake: wake.clone(),
            queue_is_new: config.mode == RunMode::Embedded,
        };
        let soft = self.soft.clone();
        self.parts.spawn(async move {
            keybell_scheduler::run(parts, soft).await;
            Ok(())
        });
        Ok(())
    }

    fn workers(&mut self, context: &Context, backends: &Backends, stop: &Stop, stages: &[Stage]) -> Result<()> {
        let config = workers_config(&context.config);
        let folder = keys_folder(&config);
        let resets = stages.contains(&Stage::Reset);
        let tells = stages.iter().any(|stage| *stage != Stage::Reset);
        let parts = WorkerParts {
            ledger: Arc::clone(&backends.ledger) as Arc<dyn Ledger>,
            queue: Arc::clone(&backends.queue),
            reset_key: resets.then(|| open_ring(&folder, KeyOwner::Reset)).transpose()?,
            notifier_pub: resets.then(|| seal_key(&folder, KeyOwner::Notifier)).transpose()?,
            notifier_key: tells.then(|| open_ring(&folder, KeyOwner::Notifier)).transpose()?,
            pool: None,
            writer: process_name("worker")?,
            config,
        };
        let stages = stages.to_vec();
        let stop = keybell_worker::harness::Stop { soft: self.soft.clone(), hard: stop.hard.clone() };
        self.parts.spawn(async move { Ok(keybell_worker::run(&stages, parts, stop).await?) });
        Ok(())
    }

    /// Runs until the parts are told to stop, or one of them fails.
    pub(crate) async fn run(mut self, stop: &Stop) -> Result<()> {
        let mut failure = Ok(());
        loop {
            tokio::select! {
                ended = self.parts.join_next() => match ended {
                    None => return failure,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => {
                        // The others must not go on alone as if nothing had happened.
                        self.soft.cancel();
                        failure = Err(error);
                    }
                    Some(Err(broken)) => {
                        self.soft.cancel();
                        failure = Err(anyhow::anyhow!("a part broke: {broken}"));
                    }
                },
                () = stop.hard.cancelled() => {
                    self.parts.abort_all();
                    return failure;
                }
            }
        }
    }

    /// Stops the parts and waits for them.
    pub(crate) async fn finish(mut self) {
        self.soft.cancel();
        while let Some(ended) = self.parts.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!("{error:#}");
            }
        }
    }
}

/// What the API is made of, here or behind a socket.
pub(crate) fn api_parts(context: &Context, backends: &Backends, wake: &Wake, soft: CancellationToken) -> ApiParts {
    let config = &context.config;
    let ledger: Arc<dyn Ledger> = Arc::clone(&backends.ledger) as Arc<dyn Ledger>;
    let reset_key = seal_key(&keys_folder(config), KeyOwner::Reset).ok();
    let webhook_key = webhook_key(&keys_folder(config));
    let sender = Arc::clone(&backends.webhooks);
    let intake = Intake::new(Arc::clone(&ledger), reset_key)
        .configured(config.passwords.clone())
        .waking(wake.clone())
        .linking(config.links.clone())
        .approving_above(config.scheduler.approval_above)
        .outside(config.blackout.windows.clone());
    ApiParts {
        webhooks: Desk::new(Arc::clone(&ledger), sender, webhook_key, config.webhooks.clone()),
        intake: Arc::new(intake),
        ledger,
        board: Arc::clone(&backends.board),
        queue: Arc::clone(&backends.queue),
        hashing: config.hashing,
        http: config.http,
        soft,
    }
}

/// The workers' view of the configuration: real folders, and in embedded mode a core that stays free of hashing, so
/// that sign-in and the scheduler are never starved.
fn workers_config(config: &Config) -> Config {
    let mut config = config.clone();
    config.email.folder = outbox(&config, &config.email.folder.clone());
    config.sms.folder = outbox(&config, &config.sms.folder.clone());
    if config.mode == RunMode::Embedded && config.hashing.threads == 0 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        config.hashing.threads = cores.saturating_sub(1).max(1);
    }
    config
}

/// A name that no other process has: what it is, where, and its number.
fn process_name(what: &str) -> Result<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").context("the host's name cannot be read")?;
    Ok(format!("{what}-{}-{}", host.trim(), std::process::id()))
}
