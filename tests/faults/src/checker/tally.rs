//! Counting a task's items, and adding up its counters.

use std::collections::HashMap;

use keybell_shared::progress::Counts;
use keybell_tests::ledgers::Raw;

use super::rows::{count, rows};

/// How many items of each task stand where, counted one by one. `retries` is not known from items, and zero.
pub(super) async fn tallies(ledger: &Raw) -> HashMap<String, Counts> {
    let mut all: HashMap<String, Counts> = HashMap::new();
    for [task, state, n] in rows(ledger, "SELECT task_id, state, count(*) FROM items GROUP BY task_id, state").await {
        if let Ok(state) = state.parse() {
            all.entry(task).or_default().add(state, count(&n));
        }
    }
    all
}

/// What the counters of each task say, with the sum of their revisions: the version of what the board shows.
pub(super) async fn counted(ledger: &Raw) -> HashMap<String, (Counts, i64)> {
    // As text, since a sum is a number of any size.
    let sql = "SELECT task_id, SUM(open), SUM(telling), SUM(notified), SUM(silent), SUM(undelivered), SUM(skipped), \
         SUM(cancelled), SUM(superseded), SUM(failed), SUM(retries), SUM(revision) FROM counters GROUP BY task_id";
    rows(ledger, sql)
        .await
        .into_iter()
        .map(|[task, numbers @ ..]: [String; 12]| {
            let [
                open,
                telling,
                notified,
                silent,
                undelivered,
                skipped,
                cancelled,
                superseded,
                failed,
                retries,
                revision,
            ] = numbers.map(|text| count(&text));
            let counts = Counts {
                open,
                telling,
                notified,
                silent,
                undelivered,
                skipped,
                cancelled,
                superseded,
                failed,
                retries,
            };
            (task, (counts, revision))
        })
        .collect()
}
