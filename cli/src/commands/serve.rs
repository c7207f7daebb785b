//! `keybell serve`, `api`, `scheduler` and `worker`: processes that run until they are told to stop.

use anyhow::{Context as _, Result};
use keybell_shared::config::RunMode;

use crate::args::Worker;
use crate::beforehand;
use crate::context::Context;
use crate::metrics;
use crate::outcome::Exit;
use crate::running::{Everything, Part};
use crate::stop::Stop;
use crate::wiring::open;

/// Everything in this process.
pub(crate) async fn all(context: Context) -> Result<Exit> {
    run(context, &[Part::Api, Part::Scheduler, Part::Workers]).await
}

/// The HTTP API.
pub(crate) async fn api(context: Context) -> Result<Exit> {
    needs_cluster(&context, "api")?;
    run(context, &[Part::Api]).await
}

/// The scheduler.
pub(crate) async fn scheduler(context: Context) -> Result<Exit> {
    needs_cluster(&context, "scheduler")?;
    run(context, &[Part::Scheduler]).await
}

/// Workers of some stages.
pub(crate) async fn worker(mut context: Context, arguments: Worker) -> Result<Exit> {
    needs_cluster(&context, "worker")?;
    if let Some(concurrency) = arguments.concurrency {
        context.config.hashing.threads = concurrency;
        context.config.email.connections = concurrency;
        context.config.sms.connections = concurrency;
        context.config.check().context(Exit::Configuration)?;
    }
    run(context, &[Part::Stages(arguments.stages)]).await
}

fn needs_cluster(context: &Context, command: &str) -> Result<()> {
    if context.config.mode == RunMode::Embedded {
        return Err(Exit::Configuration.because(format!(
            "`keybell {command}` is one process of many and needs mode = \"cluster\" (KEYBELL_MODE=cluster); \
             in embedded mode `keybell serve` runs everything"
        )));
    }
    Ok(())
}

/// Runs these parts until they are told to stop.
pub(super) async fn run(context: Context, parts: &[Part]) -> Result<Exit> {
    let stop = Stop::on_signals()?;
    beforehand::senders(&context.config, parts)?;
    let backends = open(&context.config).await?;
    beforehand::keys(&context.config, parts)?;
    // Who is told to stop while it waits has done nothing wrong, and nothing is in hand.
    if backends.wait_for_ledger(&stop.soft).await {
        // Before the parts, so that whoever watches sees a process that does not get ready.
        let _metrics = metrics::listen(&context, &backends, parts).await?;
        let everything = Everything::start(&context, &backends, &stop, parts).await?;
        everything.run(&stop).await?;
    }
    backends.close().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}
