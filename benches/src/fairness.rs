//! A small district beside a large one: how long the small one takes alone, when both start together, and when the large
//! one is in full swing already.

use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::TaskLedger as _;
use keybell_shared::ports::queue::WorkQueue as _;
use keybell_shared::stage::Stage;
use keybell_shared::states::TaskState;
use serde::Serialize;

use crate::ground::Ground;
use crate::output::{columns, median, step};
use crate::role::Role;
use crate::workers::waiting;

/// How often it is looked whether the small district is done.
const LOOK: Duration = Duration::from_millis(10);

/// How long the large district has been at work before the small one comes.
const SWING: Duration = Duration::from_secs(4);

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Accounts of the large district.
    #[arg(long, default_value_t = 100_000)]
    large: u32,
    /// Accounts of the small one.
    #[arg(long, default_value_t = 30)]
    small: u32,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Worker processes.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Milliseconds that a hash takes.
    #[arg(long, default_value_t = 10.0)]
    each: f64,
    /// Hashes that a process makes side by side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Seconds from the small district's request to the last of its passwords.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fairness {
    /// What the workers can do, in accounts per second.
    bound_per_second: f64,
    /// Alone.
    alone: f64,
    /// Both start together.
    together: f64,
    /// The large one was at work already.
    joining: f64,
    /// `together` by `alone`; two at most is promised.
    ratio: f64,
    /// `joining` by `alone`.
    joining_ratio: f64,
}

/// Measures all three, round by round.
pub(crate) async fn measure(options: &Options) -> Result<Fairness> {
    let ground = Ground::new().await;
    step("making the pupils");
    let (large, small) = (ground.district(options.large).await?, ground.district(options.small).await?);
    let mut processes = vec![ground.start("bench-scheduler", Role::Scheduler { window: None, every: None }).await?];
    for number in 1..=options.workers {
        let role = waiting(options.each, options.threads)?;
        processes.push(ground.start(&format!("bench-worker-{number}"), role).await?);
    }
    let there = || async { Ok(ground.queue.consumers(Stage::Reset).await? == Some(u64::from(options.workers))) };
    ground.until("the workers' start", LOOK, Stopwatch::start(), there).await?;

    let (mut alone, mut together, mut joining) = (Vec::new(), Vec::new(), Vec::new());
    // The first one warms connections and plans.
    seconds_of(&ground, small, options.small).await?;
    for round in 1..=options.rounds {
        step(&format!("round {round} of {}", options.rounds));
        alone.push(seconds_of(&ground, small, options.small).await?);
        let beside = ground.submit(large).await?;
        together.push(seconds_of(&ground, small, options.small).await?);
        let running = || async { state(&ground, large, beside).await.map(|state| state == TaskState::Running) };
        ground.until("the expansion of the large task", LOOK, Stopwatch::start(), running).await?;
        tokio::time::sleep(SWING).await;
        joining.push(seconds_of(&ground, small, options.small).await?);
        ground.ledger.cancel(large, beside, "bench").await?.context("the task is there")?;
        let over = || async { Ok(ground.untouched(beside).await == 0) };
        ground.until("the end of the large task", LOOK, Stopwatch::start(), over).await?;
        // What was handed out already is answered before the next round.
        let idle = || async { Ok(ground.queue.depth(Stage::Reset).await? == 0) };
        ground.until("an empty queue", LOOK, Stopwatch::start(), idle).await?;
    }
    for process in processes {
        process.stop().await?;
    }
    let (alone, together, joining) = (median(alone), median(together), median(joining));
    let threads = f64::from(options.workers) * f64::from(u32::try_from(options.threads)?);
    let bound_per_second = threads * 1e3 / options.each;
    Ok(Fairness { bound_per_second, alone, together, joining, ratio: together / alone, joining_ratio: joining / alone })
}

/// From a request for the whole small district to its last password.
async fn seconds_of(ground: &Ground, district: DistrictId, accounts: u32) -> Result<f64> {
    let watch = Stopwatch::start();
    let task = ground.submit(district).await?;
    let touched = format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND state NOT IN ('pending', 'queued')");
    let done = || async { Ok(ground.sql().number(&touched).await == i64::from(accounts)) };
    ground.until("the small task", LOOK, watch, done).await
}

async fn state(ground: &Ground, district: DistrictId, task: TaskId) -> Result<TaskState> {
    Ok(ground.ledger.task(district, task).await?.context("the task is there")?.progress.state)
}

/// The result in words.
pub(crate) fn table(it: &Fairness) -> String {
    let line =
        |name: &str, seconds: f64, ratio: f64| vec![name.to_owned(), format!("{seconds:.2}"), format!("{ratio:.2}")];
    columns(&[
        vec![format!("small district, workers for {:.0}/s", it.bound_per_second), "s".to_owned(), "ratio".to_owned()],
        line("alone", it.alone, 1.0),
        line("both start together", it.together, it.ratio),
        line("joining a large one", it.joining, it.joining_ratio),
    ])
}
