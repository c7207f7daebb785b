//! Invariant 12: cluster and embedded end with the same states for the same input.
//!
//! Only districts whose load is the same in both modes are compared: their tasks follow each other and are never
//! controlled, so that no race may decide how an item ends.

use std::collections::{BTreeMap, BTreeSet};

use keybell_tests::ledgers::Raw;

use super::Finding;
use super::rows::{maybe, rows};
use crate::evidence::Evidence;

/// District, the task's number in it (from 1, in the order of acceptance), and the account's source id; the task itself
/// stands where the source id is empty.
pub(crate) type Place = (String, usize, String);

/// The state and the code.
pub(crate) type Outcome = (String, Option<String>);

/// How everything of the orderly districts ended.
pub(crate) async fn outcomes(ledger: &Raw, evidence: &Evidence) -> BTreeMap<Place, Outcome> {
    let mut all = BTreeMap::new();
    for district in evidence.districts.iter().filter(|district| district.orderly) {
        let sql = format!("SELECT id, state FROM tasks WHERE district_id = '{}' ORDER BY seq", district.id);
        for (before, [task, state]) in rows(ledger, &sql).await.into_iter().enumerate() {
            let place = |source_id| (district.slug.clone(), before + 1, source_id);
            all.insert(place(String::new()), (state, None));
            let sql = format!(
                "SELECT a.source_id, i.state, i.code FROM items i JOIN accounts a ON a.id = i.account_id \
                 WHERE i.task_id = '{task}'"
            );
            for [source_id, state, code] in rows(ledger, &sql).await {
                all.insert(place(source_id), (state, maybe(&code)));
            }
        }
    }
    all
}

/// Compares the ends of two runs with the same seed.
pub(crate) fn compare(cluster: &BTreeMap<Place, Outcome>, embedded: &BTreeMap<Place, Outcome>) -> Finding {
    let mut finding = Finding::new(12, "cluster and embedded end with the same states");
    let places: BTreeSet<&Place> = cluster.keys().chain(embedded.keys()).collect();
    for place in places {
        let (one, other) = (cluster.get(place), embedded.get(place));
        finding.expect(one == other, || {
            let (district, task, source_id) = place;
            let whom = if source_id.is_empty() { "the task itself" } else { source_id.as_str() };
            format!("{district}, task {task}, {whom}: {} in the cluster, {} embedded", told(one), told(other))
        });
    }
    finding
}

fn told(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some((state, Some(code))) => format!("{state} ({code})"),
        Some((state, None)) => state.clone(),
        None => "not there".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(another_end_is_found_and_a_disorderly_district_is_not_compared);

    async fn another_end_is_found_and_a_disorderly_district_is_not_compared(on: &TestLedger) {
        let mut world = World::new(on).await;
        let one = outcomes(&on.raw, &world.evidence).await;
        assert_eq!(one.len(), 3 + 6, "three tasks with six items");
        let whole = compare(&one, &one.clone());
        sound(&whole);
        world.tamper("UPDATE items SET code = 'N04' WHERE state = 'undelivered'").await;
        let other = outcomes(&on.raw, &world.evidence).await;
        caught(
            &whole,
            &compare(&one, &other),
            "task 1, p2: undelivered (N05) in the cluster, undelivered (N04) embedded",
        );
        world.evidence.districts[0].orderly = false;
        assert!(outcomes(&on.raw, &world.evidence).await.is_empty());
    }
}
