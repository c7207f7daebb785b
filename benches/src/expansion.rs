//! One bulk reset of many accounts: how fast its accounts are written down, how fast they come to the broker, and what
//! the questions of everyday cost meanwhile.

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
use crate::processes::{Cpu, peak_memory};
use crate::reads::{self, Reads};
use crate::role::Role;

/// How often it is looked whether a phase is over.
const LOOK: Duration = Duration::from_millis(20);

/// One phase over all accounts.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Phase {
    /// How long it took.
    pub(crate) seconds: f64,
    /// Accounts per second.
    pub(crate) per_second: f64,
    /// CPU microseconds for each account.
    pub(crate) cpu: Cpu,
}

impl Phase {
    fn new(accounts: u32, seconds: f64, cpu: Cpu) -> Self {
        Self { seconds, per_second: f64::from(accounts) / seconds, cpu }
    }
}

/// What was measured at one number of accounts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// How many accounts the task has.
    pub(crate) accounts: u32,
    /// From the request's bytes to its acceptance, with its preview, in seconds.
    pub(crate) intake_seconds: f64,
    /// From the acceptance to the frozen set.
    pub(crate) expansion: Phase,
    /// From the first message to the last one that is confirmed and noted.
    pub(crate) dispatch: Phase,
    /// Accounts per second through expansion and then dispatch.
    pub(crate) both_per_second: f64,
    /// The most memory that the scheduler's process had resident, in MiB.
    pub(crate) scheduler_mib: f64,
    /// The questions of everyday, in milliseconds.
    pub(crate) reads: Reads,
}

/// Measures at one number of accounts.
pub(crate) async fn measure(accounts: u32) -> Result<Row> {
    let ground = Ground::new().await;
    step(&format!("{accounts} accounts: making the pupils"));
    let district = ground.district(accounts).await?;
    // Everything fits into the window and nobody takes anything away: so only the dispatcher is measured.
    let role = Role::Scheduler { window: Some((accounts, accounts)), every: Some(LOOK) };
    let scheduler = ground.start("bench-scheduler", role).await?;
    let own = [scheduler.id()?];
    leading(&ground).await?;

    step(&format!("{accounts} accounts: expansion"));
    let watch = Stopwatch::start();
    let (task, intake_seconds, before) = {
        let before = Cpu::now(&own)?;
        let task = ground.submit(district).await?;
        (task, watch.elapsed().as_secs_f64(), before)
    };
    // Held, so that dispatch waits until expansion was measured.
    let watch = Stopwatch::start();
    ground.ledger.pause(district, task, "bench").await?.context("the task is there")?;
    let state = || async {
        let view = ground.ledger.task(district, task).await?.context("the task is there")?;
        Ok(view.progress.state == TaskState::Paused)
    };
    let seconds = ground.until("the expansion", LOOK, watch, state).await?;
    let expansion = Phase::new(accounts, seconds, Cpu::now(&own)?.since(before, accounts));

    step(&format!("{accounts} accounts: dispatch"));
    let before = Cpu::now(&own)?;
    let watch = Stopwatch::start();
    ground.ledger.resume(district, task, "bench").await?.context("the task is there")?;
    let there = || async { Ok(ground.queue.depth(Stage::Reset).await? >= u64::from(accounts)) };
    ground.until("the last message", LOOK, watch, there).await?;
    let left = format!(
        "SELECT count(*) FROM (SELECT 1 FROM items WHERE task_id = '{task}' AND state = 'pending' LIMIT 1) AS x"
    );
    let noted = || async { Ok(ground.sql().number(&left).await == 0) };
    let seconds = ground.until("the last note", Duration::from_millis(5), watch, noted).await?;
    let dispatch = Phase::new(accounts, seconds, Cpu::now(&own)?.since(before, accounts));

    step(&format!("{accounts} accounts: reads"));
    let reads = reads::measure(&ground, district, task).await?;
    let scheduler_mib = peak_memory(scheduler.id()?)?;
    scheduler.stop().await?;
    let both_per_second = f64::from(accounts) / (expansion.seconds + dispatch.seconds);
    Ok(Row { accounts, intake_seconds, expansion, dispatch, both_per_second, scheduler_mib, reads })
}

/// Waits until the scheduler holds the lease, so that its start is not measured.
async fn leading(ground: &Ground) -> Result<()> {
    let leads = || async { Ok(ground.sql().number("SELECT count(*) FROM leases").await > 0) };
    ground.until("the scheduler's start", LOOK, Stopwatch::start(), leads).await?;
    // The queues are declared with the first question to the broker.
    ground.queue.depth(Stage::Reset).await?;
    Ok(())
}

/// The table of all rows: a line for each figure, a column for each number of accounts.
pub(crate) fn table(rows: &[Row]) -> String {
    let line = |name: &str, cell: &dyn Fn(&Row) -> String| {
        [name.to_owned()].into_iter().chain(rows.iter().map(cell)).collect::<Vec<_>>()
    };
    let cpu = |cpu: Cpu| format!("{:.0} + {:.0} + {:.0}", cpu.postgres, cpu.rabbitmq, cpu.keybell);
    let mut lines = vec![
        line("accounts", &|row| row.accounts.to_string()),
        line("intake with preview, s", &|row| format!("{:.2}", row.intake_seconds)),
        line("expansion, s", &|row| format!("{:.2}", row.expansion.seconds)),
        line("expansion, accounts/s", &|row| format!("{:.0}", row.expansion.per_second)),
        line("confirmed dispatch, s", &|row| format!("{:.2}", row.dispatch.seconds)),
        line("confirmed dispatch, items/s", &|row| format!("{:.0}", row.dispatch.per_second)),
        line("one after the other, accounts/s", &|row| format!("{:.0}", row.both_per_second)),
        line("CPU of expansion, µs/account", &|row| format!("{:.0}", row.expansion.cpu.sum())),
        line("  PostgreSQL + RabbitMQ + Keybell", &|row| cpu(row.expansion.cpu)),
        line("CPU of dispatch, µs/account", &|row| format!("{:.0}", row.dispatch.cpu.sum())),
        line("  PostgreSQL + RabbitMQ + Keybell", &|row| cpu(row.dispatch.cpu)),
        line("peak memory of the scheduler, MiB", &|row| format!("{:.0}", row.scheduler_mib)),
    ];
    for name in Reads::NAMES {
        lines.push(line(&format!("{name}, ms"), &|row| format!("{:.1}", row.reads.of(name))));
    }
    columns(&lines)
}
