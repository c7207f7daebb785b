//! Cancel is a wall, and a pause lets through no more than what is in flight: workers commit while somebody cancels or
//! pauses at a random moment. `KEYBELL_SEED` repeats a run that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keybell_backends::ledger::SqlLedger;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{DispatchLedger as _, ResetJob, ResetLedger as _, TaskLedger as _};
use keybell_shared::states::TaskState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, request};
use keybell_tests::on_both;
use serde_json::json;
use tokio::task::JoinSet;

use super::flow::write;

on_both!(nothing_changes_after_a_cancel_at_a_random_moment, a_pause_lets_through_what_is_in_flight);

/// How often somebody cancels; on PostgreSQL, where a run takes three times as long, a quarter of it.
const RUNS: u64 = 200;

/// Reset workers side by side.
const WORKERS: u64 = 3;

/// Draws from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % (n as u64)).expect("below n")
    }
}

/// One run: its task, and the workers on it.
struct Run {
    task: TaskId,
    workers: JoinSet<()>,
    /// How many items the workers have changed.
    changed: Arc<AtomicUsize>,
    /// When set, the workers commit what they still have, and end.
    over: Arc<AtomicBool>,
}

#[expect(clippy::disallowed_methods, reason = "a failed run is repeated by hand")]
fn first_seed() -> u64 {
    std::env::var("KEYBELL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0))
}

/// Accepts and expands a task, and sets workers on it: each dispatches a few items and commits them, in groups and with
/// pauses drawn from the seed.
async fn start(on: &TestLedger, other: &Arc<SqlLedger>, fixture: &Fixture, seed: u64) -> Run {
    let asked = request(json!({"selection": {"scope": "without_role"}, "channel": "email"}));
    let task = keybell_tests::ledgers::accept(&*on.ledger, &fixture.admin(), asked).await;
    expand(&*on.ledger, task).await;
    let (changed, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let dice = Dice(seed ^ (number + 1).rotate_left(40));
        workers.spawn(work(Arc::clone(other), task, dice, Arc::clone(&changed), Arc::clone(&over)));
    }
    Run { task, workers, changed, over }
}

async fn work(ledger: Arc<SqlLedger>, task: TaskId, mut dice: Dice, changed: Arc<AtomicUsize>, over: Arc<AtomicBool>) {
    // What was read long ago is committed, too: messages lie on the queue while somebody cancels.
    let mut stock: Vec<ResetJob> = Vec::new();
    loop {
        let stop = over.load(Ordering::SeqCst);
        if !stop {
            let limit = u32::try_from(1 + dice.below(4)).expect("few");
            let pending = ledger.pending(task, None, limit).await.expect("pending");
            let items: Vec<_> = pending.into_iter().map(|(item, _)| item).collect();
            if dice.below(10) < 7 {
                ledger.mark_queued(&items).await.expect("queued");
            }
            stock.extend(ledger.reset_jobs(&items).await.expect("jobs"));
        }
        for _ in 0..dice.below(4) {
            tokio::task::yield_now().await;
        }
        if stock.is_empty() && stop {
            return;
        }
        let group = stock.split_off(stock.len() - stock.len().min(1 + dice.below(3)));
        let mut accounts = std::collections::HashSet::new();
        let writes: Vec<_> = group.iter().filter(|job| accounts.insert(job.account)).map(write).collect();
        if writes.is_empty() {
            tokio::task::yield_now().await;
            continue;
        }
        let outcomes = ledger.commit_resets("w", &writes).await.expect("a commit");
        let told = |outcome: &keybell_shared::ports::ledger::ResetOutcome| {
            matches!(outcome, keybell_shared::ports::ledger::ResetOutcome::Changed(_))
        };
        changed.fetch_add(outcomes.iter().filter(|(_, outcome)| told(outcome)).count(), Ordering::SeqCst);
    }
}

impl Run {
    /// Waits until the workers have changed so many items.
    async fn until_changed(&self, seed: u64, items: usize) {
        let since = keybell_shared::clock::Stopwatch::start();
        while self.changed.load(Ordering::SeqCst) < items {
            assert!(since.elapsed() < Duration::from_secs(30), "KEYBELL_SEED={seed}: the workers stand still");
            tokio::task::yield_now().await;
        }
    }

    /// Lets the workers commit everything that they still have, and waits for them.
    async fn end(&mut self, seed: u64) {
        self.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.workers.join_next().await {
            ended.unwrap_or_else(|error| panic!("KEYBELL_SEED={seed}: a worker broke: {error}"));
        }
    }
}

/// Every item of the task with its state, attempt and version, and every account's version and password.
async fn everything(on: &TestLedger, task: TaskId) -> [Vec<Vec<String>>; 2] {
    let items = format!(
        "SELECT id, state, code, attempt_id, credential_version FROM items WHERE task_id = '{task}' ORDER BY id"
    );
    let accounts = "SELECT id, credential_version, password_hash, changed_at FROM accounts ORDER BY id";
    [on.raw.rows(&items).await, on.raw.rows(accounts).await]
}

async fn nothing_changes_after_a_cancel_at_a_random_moment(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 12).await;
    let other = on.another_or_same().await;
    let (first, mut cut) = (first_seed(), 0);
    let runs = if on.raw.is_postgres() { RUNS / 4 } else { RUNS };
    for run in 0..runs {
        let seed = first.wrapping_add(run);
        let mut dice = Dice(seed);
        let mut run = start(on, &other, &fixture, seed).await;
        run.until_changed(seed, dice.below(16)).await;
        for _ in 0..dice.below(50) {
            tokio::task::yield_now().await;
        }
        let state = on.ledger.cancel(fixture.district.id, run.task, "me").await.expect("cancelled");
        let then = everything(on, run.task).await;
        assert!(matches!(state, Some(TaskState::Cancelling | TaskState::Cancelled)), "KEYBELL_SEED={seed}: {state:?}");
        run.end(seed).await;
        let now = everything(on, run.task).await;
        assert_eq!(then, now, "KEYBELL_SEED={seed}: something changed after the cancel had answered");
        let open = now[0].iter().filter(|item| ["pending", "queued"].contains(&item[1].as_str())).count();
        let cancelled = now[0].iter().filter(|item| item[1] == "cancelled").count();
        assert_eq!((open, now[0].len()), (0, 16), "KEYBELL_SEED={seed}");
        let counts = on.ledger.task(fixture.district.id, run.task).await.expect("a task").expect("there");
        let counts = counts.progress.counts;
        assert_eq!((counts.open, counts.total()), (0, 16), "KEYBELL_SEED={seed}");
        assert_eq!(counts.cancelled, i64::try_from(cancelled).expect("few"), "KEYBELL_SEED={seed}");
        cut += u64::from(cancelled > 0 && cancelled < 16);
    }
    assert!(cut > runs / 10, "KEYBELL_SEED={first}: only {cut} cancels came while passwords were being changed");
}

async fn a_pause_lets_through_what_is_in_flight(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 12).await;
    let other = on.another_or_same().await;
    let first = first_seed();
    for run in 0..RUNS / 4 {
        let seed = first.wrapping_add(run);
        let mut dice = Dice(seed);
        let mut run = start(on, &other, &fixture, seed).await;
        run.until_changed(seed, dice.below(12)).await;
        let standing = on.ledger.pause(fixture.district.id, run.task, "me").await.expect("paused").expect("a task");
        let reset = format!("SELECT count(*) FROM items WHERE task_id = '{}' AND attempt_id IS NOT NULL", run.task);
        let then = on.raw.number(&reset).await;
        run.end(seed).await;
        let now = on.raw.number(&reset).await;
        // Three workers with groups of three at most: what was being committed while the pause answered.
        assert!((0..=9).contains(&(now - then)), "KEYBELL_SEED={seed}: {} more after the pause", now - then);
        assert!(standing.state == TaskState::Paused, "KEYBELL_SEED={seed}: {standing:?}");
        on.ledger.cancel(fixture.district.id, run.task, "me").await.expect("cancelled");
    }
}
