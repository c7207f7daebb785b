//! Showing what this process counts: the one registry, its text, and whether the process does its work.

mod process;
mod services;
mod text;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use keybell_api::{MetricsFormat, Monitored};
use keybell_shared::ports::ledger::LeaderLedger as _;
use keybell_shared::stage::Stage;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::context::Context;
use crate::running::Part;
use crate::wiring::Backends;
use services::Services;

/// Starts the listener, if one is configured. It ends when the answer is dropped.
pub(crate) async fn listen(context: &Context, backends: &Backends, parts: &[Part]) -> Result<Option<Listening>> {
    let Some(address) = context.config.metrics.listen else { return Ok(None) };
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("metrics.listen: {address} cannot be listened on"))?;
    tracing::info!("metrics are shown on http://{}/metrics", listener.local_addr()?);
    let process = Arc::new(Process::new(backends, parts));
    let serving = tokio::spawn(async move {
        if let Err(error) = keybell_api::monitor(listener, process).await {
            tracing::error!(%error, "metrics are no longer shown");
        }
    });
    Ok(Some(Listening(serving.abort_handle())))
}

/// A running listener.
pub(crate) struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// This process, as it is watched.
struct Process {
    registry: Registry,
    services: Services,
    /// Stages whose work is taken here.
    stages: Vec<Stage>,
    /// Whether requests are answered here.
    answers: bool,
}

impl Process {
    fn new(backends: &Backends, parts: &[Part]) -> Self {
        let mut stages = Vec::new();
        for part in parts {
            match part {
                Part::Workers => stages.extend(Stage::ALL),
                Part::Stages(some) => stages.extend(some),
                Part::Api | Part::Scheduler => {}
            }
        }
        let metrics = keybell_shared::metrics::get();
        let mut registry = Registry::default();
        process::register(&mut registry);
        let services = Services::new(backends);
        services.register(&mut registry);
        metrics.backends.register(&mut registry);
        if parts.contains(&Part::Api) {
            metrics.api.register(&mut registry);
        }
        if parts.contains(&Part::Scheduler) {
            metrics.scheduler.register(&mut registry);
        }
        if !stages.is_empty() {
            metrics.worker.register(&mut registry, &stages);
        }
        Self { registry, services, stages, answers: parts.contains(&Part::Api) }
    }
}

#[async_trait]
impl Monitored for Process {
    async fn metrics(&self, format: MetricsFormat) -> String {
        self.services.ask().await;
        let mut open = String::new();
        // Writing to a text cannot fail.
        if prometheus_client::encoding::text::encode(&mut open, &self.registry).is_err() {
            tracing::error!("the metrics cannot be written down");
        }
        match format {
            MetricsFormat::OpenMetrics => open,
            MetricsFormat::Prometheus => text::prometheus(&open),
        }
    }

    async fn ready(&self) -> Result<(), &'static str> {
        let worker = &keybell_shared::metrics::get().worker;
        if !self.stages.iter().all(|stage| worker.consumes(*stage)) {
            return Err("a stage does not consume; the log says why");
        }
        if self.answers && !services::answers(self.services.ledger.ping()).await {
            return Err("the ledger cannot be reached; the log says more");
        }
        Ok(())
    }
}
