//! The twelve invariants, one file each. Each reads the evidence and the stores, and never the program's own opinion of
//! itself, except where that opinion is what is judged (the board).

mod attempts;
mod board;
mod changes;
mod control;
mod districts;
mod hashes;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod parity;
mod passwords;
mod quiet;
mod requests;
mod rows;
mod secrets;
mod states;
mod tally;
mod told;
#[cfg(test)]
mod world;

use keybell_tests::ledgers::Raw;
use serde::Serialize;

use crate::evidence::Evidence;

/// What is asked after everything is quiet.
pub(crate) struct Case<'a> {
    pub(crate) evidence: &'a Evidence,
    /// The ledger, as text.
    pub(crate) ledger: &'a Raw,
    /// The broker's queues: name, ready, unacknowledged. Empty in embedded mode.
    pub(crate) queues: &'a [Queue],
    /// The board on Redis: task id and snapshot JSON. Empty in embedded mode.
    pub(crate) board: &'a [(String, serde_json::Value)],
}

/// Judges everything that one run alone can show, invariants 1 to 11. The twelfth compares two runs: [`parity`].
pub(crate) async fn judge(case: &Case<'_>) -> Vec<Finding> {
    vec![
        requests::check(case).await,
        passwords::check(case).await,
        changes::check(case).await,
        states::check(case).await,
        board::check(case).await,
        quiet::check(case).await,
        control::check(case).await,
        told::check(case).await,
        attempts::check(case).await,
        secrets::check(case).await,
        districts::check(case).await,
    ]
}

/// A queue of the broker.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) ready: u64,
    pub(crate) unacknowledged: u64,
}

/// One invariant, judged.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// 1 to 12, as in ARCHITECTURE.md.
    pub(crate) invariant: u8,
    /// The promise in a few words.
    pub(crate) promise: &'static str,
    /// How many things were looked at. Nothing looked at is no proof, and is printed so.
    pub(crate) checked: u64,
    /// What was found; never with a secret in it.
    pub(crate) violations: Vec<String>,
    /// What is worth knowing and breaks no promise.
    pub(crate) notes: Vec<String>,
}

impl Finding {
    pub(crate) const fn new(invariant: u8, promise: &'static str) -> Self {
        Self { invariant, promise, checked: 0, violations: Vec::new(), notes: Vec::new() }
    }

    /// One more thing was looked at, and it holds or not.
    pub(crate) fn expect(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.violations.push(violation());
        }
    }
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_invariant_of_one_run_is_judged_once() {
        let on = TestLedger::sqlite().await;
        let findings = judge(&world::World::new(&on).await.case()).await;
        assert_eq!(findings.iter().map(|one| one.invariant).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    }
}
