//! Invariant 5: the board equals the ledger, never runs backwards within a task, and never exceeds the total.
//!
//! A board may be empty: a task that ended more than a minute before the board was emptied is not shown again. What it
//! shows must be true.

use std::collections::HashMap;

use keybell_shared::progress::{Counts, Snapshot};
use serde_json::Value;

use super::rows::{number, rows};
use super::tally::{counted, tallies};
use super::{Case, Finding};

/// Numbers that only grow in a task that is not sent again: to where an item went, it stays.
const GROWING: [&str; 11] = [
    "/total",
    "/reset/reset",
    "/reset/skipped",
    "/reset/cancelled",
    "/reset/superseded",
    "/reset/failed",
    "/notify/total",
    "/notify/notified",
    "/notify/silent",
    "/notify/undelivered",
    "/notify/retries",
];

/// The parts of each sum.
const SUMS: [(&str, &[&str]); 2] = [
    (
        "/total",
        &["/reset/pending", "/reset/reset", "/reset/skipped", "/reset/cancelled", "/reset/superseded", "/reset/failed"],
    ),
    ("/notify/total", &["/notify/waiting", "/notify/notified", "/notify/silent", "/notify/undelivered"]),
];

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(5, "the board equals the ledger and never runs backwards");
    let truth = tallies(case.ledger).await;
    judge_board(&mut finding, case, &truth).await;
    judge_samples(&mut finding, case, &truth);
    finding
}

async fn judge_board(finding: &mut Finding, case: &Case<'_>, truth: &HashMap<String, Counts>) {
    let counters = counted(case.ledger).await;
    let sql = "SELECT id, district_id, state, finished_at, (SELECT epoch FROM meta) FROM tasks";
    let tasks: HashMap<String, [String; 4]> = rows(case.ledger, sql)
        .await
        .into_iter()
        .map(|[task, district, state, finished, epoch]| (task, [district, state, finished, epoch]))
        .collect();
    for (task, shown) in case.board {
        let Ok(shown) = serde_json::from_value::<Snapshot>(shown.clone()) else {
            finding.expect(false, || format!("the board shows something of task {task} that is no snapshot"));
            continue;
        };
        finding.expect(shown.task.to_string() == *task, || {
            format!("the board shows task {} in the place of task {task}", shown.task)
        });
        let Some([district, state, finished, epoch]) = tasks.get(task) else {
            finding.expect(false, || format!("the board shows task {task}, which the ledger does not have"));
            continue;
        };
        let (counters, version) = counters.get(task).copied().unwrap_or_default();
        let counts = Counts { retries: counters.retries, ..truth.get(task).copied().unwrap_or_default() };
        finding.expect(shown.counts == counts, || {
            format!("task {task}: the board shows {:?}, the ledger has {counts:?}", shown.counts)
        });
        finding.expect(shown.state.as_str() == state && shown.finished_at.map(|at| at.0) == number(finished), || {
            format!("task {task}: the board shows it {}, the ledger has it {state}", shown.state)
        });
        finding.expect(shown.district.to_string() == *district, || {
            format!("task {task}: the board shows it in another district than the ledger")
        });
        finding.expect((Some(shown.epoch), shown.version) == (number(epoch), version), || {
            format!("task {task}: the board shows version {}, the ledger has {version}", shown.version)
        });
    }
}

fn judge_samples(finding: &mut Finding, case: &Case<'_>, truth: &HashMap<String, Counts>) {
    let mut before: HashMap<(u32, String), &Value> = HashMap::new();
    for sample in &case.evidence.samples {
        let (task, now) = (sample.task.to_string(), &sample.progress);
        let most = truth.get(&task).map_or(0, Counts::total);
        let total = of(now, "/total");
        finding.expect(total.is_some_and(|total| (0..=most).contains(&total)), || {
            format!("task {task} has {most} items, but {total:?} were shown")
        });
        for (sum, parts) in SUMS {
            let parts: Option<Vec<i64>> = parts.iter().map(|part| of(now, part)).collect();
            let whole = parts.as_ref().is_some_and(|parts| parts.iter().all(|&part| part >= 0));
            let added = parts.map(|parts| parts.iter().sum::<i64>());
            finding.expect(whole && added == of(now, sum), || {
                format!("task {task} was shown with parts that do not add up to {sum}: {now}")
            });
        }
        if let Some(before) = before.insert((sample.watcher, task.clone()), now) {
            let fallen: Vec<&str> = GROWING.into_iter().filter(|path| of(now, path) < of(before, path)).collect();
            finding.expect(fallen.is_empty(), || {
                format!("task {task} ran backwards before watcher {}: {} fell", sample.watcher, fallen.join(", "))
            });
        }
    }
}

fn of(progress: &Value, path: &str) -> Option<i64> {
    progress.pointer(path).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;
    use serde_json::json;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(a_wrong_board_and_a_sample_that_runs_backwards_are_found);

    async fn a_wrong_board_and_a_sample_that_runs_backwards_are_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let whole = check(&world.case()).await;
        sound(&whole);
        let shown = world.board[0].1.clone();
        for (field, value, words) in [
            ("/counts/notified", json!(9), "the board shows Counts"),
            ("/state", json!("running"), "the board shows it running"),
            ("/version", json!(1), "the board shows version 1"),
            ("/counts", json!(null), "that is no snapshot"),
        ] {
            *world.board[0].1.pointer_mut(field).expect(field) = value;
            caught(&whole, &check(&world.case()).await, words);
            world.board[0].1 = shown.clone();
        }
        world.board[0].0 = keybell_shared::ids::TaskId::fresh().to_string();
        caught(&whole, &check(&world.case()).await, "which the ledger does not have");
        world.board.clear();

        world.evidence.samples.swap(1, 2);
        caught(&whole, &check(&world.case()).await, "ran backwards");
        world.evidence.samples[2].watcher = 2;
        sound(&check(&world.case()).await);
        let progress = &mut world.evidence.samples[0].progress;
        *progress.pointer_mut("/total").expect("a total") = json!(5);
        let after = check(&world.case()).await;
        caught(&whole, &after, "has 4 items, but Some(5) were shown");
        caught(&whole, &after, "do not add up to /total");
    }
}
