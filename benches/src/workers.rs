//! More and more worker processes against one broker and one database, with hashing that only waits: where the shared
//! parts are full.

use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ports::ledger::TaskLedger as _;
use keybell_shared::ports::queue::WorkQueue as _;
use keybell_shared::stage::Stage;
use keybell_shared::states::TaskState;
use serde::Serialize;

use crate::ground::Ground;
use crate::output::{columns, step};
use crate::processes::Cpu;
use crate::role::{Process, Role};

/// How often it is looked how far the task is.
const LOOK: Duration = Duration::from_millis(50);

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many worker processes; each number is a run of its own.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    workers: Vec<u32>,
    /// Accounts of the task.
    #[arg(long, default_value_t = 20_000)]
    accounts: u32,
    /// Milliseconds that a hash takes.
    #[arg(long, default_value_t = 10.0)]
    each: f64,
    /// Hashes that a process makes side by side.
    #[arg(long, default_value_t = 16)]
    threads: usize,
}

/// What was measured with one number of processes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// How many.
    workers: u32,
    /// What they could do at most: threads by the time of a hash.
    bound_per_second: f64,
    /// What they did.
    per_second: f64,
    /// CPU microseconds for each account; Keybell's own are scheduler and workers.
    cpu: Cpu,
}

/// Measures every number of processes.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(options.workers.len());
    for workers in &options.workers {
        step(&format!("{workers} worker processes"));
        rows.push(with(*workers, options).await?);
    }
    Ok(rows)
}

/// The role of a worker whose hash takes so many milliseconds.
pub(crate) fn waiting(each: f64, threads: usize) -> Result<Role> {
    let each = Duration::try_from_secs_f64(each / 1e3).context("--each must be a number of milliseconds")?;
    Ok(Role::Worker { each, threads })
}

async fn with(workers: u32, options: &Options) -> Result<Row> {
    let ground = Ground::new().await;
    let district = ground.district(options.accounts).await?;
    let mut processes = vec![ground.start("bench-scheduler", Role::Scheduler { window: None, every: None }).await?];
    for number in 1..=workers {
        let role = waiting(options.each, options.threads)?;
        processes.push(ground.start(&format!("bench-worker-{number}"), role).await?);
    }
    let own = processes.iter().map(Process::id).collect::<Result<Vec<_>>>()?;
    let there = || async { Ok(ground.queue.consumers(Stage::Reset).await? == Some(u64::from(workers))) };
    ground.until("the workers' start", LOOK, Stopwatch::start(), there).await?;

    // The accounts are written down before the clock starts.
    let task = ground.submit(district).await?;
    ground.ledger.pause(district, task, "bench").await?.context("the task is there")?;
    let paused = || async {
        let view = ground.ledger.task(district, task).await?.context("the task is there")?;
        Ok(view.progress.state == TaskState::Paused)
    };
    ground.until("the expansion", LOOK, Stopwatch::start(), paused).await?;

    let before = Cpu::now(&own)?;
    let watch = Stopwatch::start();
    ground.ledger.resume(district, task, "bench").await?.context("the task is there")?;
    let done = || async { Ok(ground.untouched(task).await == 0) };
    let seconds = ground.until("the resets", LOOK, watch, done).await?;
    let cpu = Cpu::now(&own)?.since(before, options.accounts);
    for process in processes {
        process.stop().await?;
    }
    let threads = f64::from(workers) * f64::from(u32::try_from(options.threads)?);
    let bound_per_second = threads * 1e3 / options.each;
    Ok(Row { workers, bound_per_second, per_second: f64::from(options.accounts) / seconds, cpu })
}

/// The table of all rows.
pub(crate) fn table(rows: &[Row]) -> String {
    let head =
        ["workers", "bound/s", "accounts/s", "PostgreSQL", "RabbitMQ", "Redis", "Keybell", "all, µs CPU/account"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let cpu = [row.cpu.postgres, row.cpu.rabbitmq, row.cpu.redis, row.cpu.keybell, row.cpu.sum()];
        [row.workers.to_string(), format!("{:.0}", row.bound_per_second), format!("{:.0}", row.per_second)]
            .into_iter()
            .chain(cpu.map(|micros| format!("{micros:.0}")))
            .collect()
    }));
    columns(&lines)
}
