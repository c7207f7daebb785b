//! Watching a task: what the ledger has committed, what the sink has taken, what the board shows.

use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_backends::ledger::SqlLedger;
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::TaskLedger as _;
use keybell_shared::progress::Counts;

use super::super::children::Children;
use super::sink::Sink;
use super::timeline::Timeline;

/// How often ledger and sink are looked at. Each look costs the ledger some questions, which count as its work: looked at
/// fifty times a second, half of all that it was asked came from here.
const EVERY: Duration = Duration::from_millis(100);
/// In one of so many looks, the processes are looked at as well.
const PROCESSES: u32 = 5;
/// Without any change for so long, it is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was seen.
pub(super) struct Seen {
    /// Accounts whose reset is committed.
    pub(super) committed: Timeline,
    /// E-mails that the sink has taken.
    pub(super) told: Timeline,
    /// Where the accounts stand at the end.
    pub(super) counts: Counts,
}

/// Watches until the task is closed.
///
/// # Errors
/// When a process ends before its time, nothing moves any more, or the ledger does not answer.
pub(super) async fn watch(
    ledger: &SqlLedger,
    task: TaskId,
    sink: &Sink,
    children: &mut Children,
    clock: Stopwatch,
) -> Result<Seen> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut committed, mut told) = (Timeline::default(), Timeline::default());
    let (mut before, mut moved, mut looks) = (clock.elapsed(), (0, 0, clock.elapsed()), 0_u32);
    loop {
        every.tick().await;
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(PROCESSES) {
            children.all_run()?;
        }
        let asked = clock.elapsed();
        let snapshots = ledger.snapshots().await.context("the ledger of the bench")?;
        let seen = clock.elapsed();
        let messages = sink.messages();
        told.note(before, clock.elapsed(), messages);
        let Some(snapshot) = snapshots.into_iter().find(|snapshot| snapshot.task == task) else {
            anyhow::bail!("the bench's task is gone from the ledger; did somebody delete its database?");
        };
        let changed = u64::try_from(snapshot.counts.changed()).unwrap_or_default();
        committed.note(before, seen, changed);
        before = asked;
        if snapshot.state.is_final() {
            return Ok(Seen { committed, told, counts: snapshot.counts });
        }
        let other = snapshot.counts.settled() + snapshot.counts.total();
        if (changed, other) != (moved.0, moved.1) {
            moved = (changed, other, seen);
        }
        anyhow::ensure!(
            seen.saturating_sub(moved.2) < PATIENCE,
            "nothing has moved for {} s ({changed} accounts reset, {messages} e-mails sent); `keybell doctor` looks at the servers",
            PATIENCE.as_secs()
        );
    }
}
