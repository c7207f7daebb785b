//! Invariant 3: an item changes its account's password at most once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::history::{self, Entry, Kind};
use super::rows::{count, maybe, number, rows};
use super::{Case, Finding};

/// States in which an item has changed its account's password.
const CHANGED: [&str; 4] = ["reset", "notified", "silent", "undelivered"];

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(3, "an item changes its account's password at most once");
    let entries = history::read(case.ledger, &[Kind::Item, Kind::Account]).await;
    let versions = items(&mut finding, case).await;
    let accounts: Vec<[String; 3]> =
        rows(case.ledger, "SELECT id, credential_version, COALESCE(password_hash, '') FROM accounts").await;
    let mut hashes: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Account) {
        hashes.entry(entry.id.as_str()).or_default().push(entry);
    }
    for [account, version, hash] in &accounts {
        let version = count(version);
        let recorded = hashes.get(account.as_str()).map_or(&[][..], Vec::as_slice);
        if version == 0 && recorded.is_empty() && !versions.contains_key(account) {
            continue;
        }
        let made: Vec<i64> = versions.get(account).cloned().unwrap_or_default();
        finding.expect(made == (1..=version).collect::<Vec<_>>(), || {
            format!("account {account} stands at version {version}, but its items made the versions {made:?}")
        });
        judge_changes(&mut finding, account, version, hash, recorded);
    }
    // Seen as a step of its state, and as an attempt that was noted: a guard that is missing may lose either.
    let mut changes: BTreeMap<&str, (usize, HashSet<&str>)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Item && entry.version.is_some()) {
        let (steps, attempts) = changes.entry(entry.id.as_str()).or_default();
        *steps += usize::from(entry.changes_password());
        attempts.extend(entry.attempt.as_deref());
    }
    for (item, (steps, attempts)) in changes {
        finding.expect(steps == 1 && attempts.len() == 1, || {
            let times = steps.max(attempts.len());
            format!("item {item} changed its account's password {times} times")
        });
    }
    finding
}

/// The versions that items made, by account, ascending; what each item says of itself is checked on the way.
async fn items(finding: &mut Finding, case: &Case<'_>) -> HashMap<String, Vec<i64>> {
    let sql = "SELECT id, account_id, state, attempt_id, credential_version FROM items ORDER BY credential_version, id";
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    let mut attempts = HashSet::new();
    for [item, account, state, attempt, version] in rows(case.ledger, sql).await {
        let (attempt, version) = (maybe(&attempt), number(&version));
        let changed = CHANGED.contains(&state.as_str());
        if !changed && attempt.is_none() && version.is_none() {
            continue;
        }
        finding.expect(changed == version.is_some() && changed == attempt.is_some(), || {
            format!("item {item} is {state}, which does not go with its version {version:?} and attempt {attempt:?}")
        });
        if let Some(attempt) = attempt {
            finding.expect(attempts.insert(attempt.clone()), || format!("two items have the attempt {attempt}"));
        }
        if let Some(version) = version {
            versions.entry(account).or_default().push(version);
        }
    }
    versions
}

/// The changes of one account as the database saw them: each version once, without a gap, each with a hash of its own,
/// and the last one is what is stored.
fn judge_changes(finding: &mut Finding, account: &str, version: i64, hash: &str, recorded: &[&Entry]) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut before = 0;
    for entry in recorded {
        let from = entry.from.as_deref().and_then(number).unwrap_or_default();
        let to = entry.version.unwrap_or_default();
        finding.expect(from == before && to == from + 1, || {
            format!("account {account} went from version {from} to {to} after it stood at {before}")
        });
        finding.expect(entry.detail.as_deref().is_some_and(|hash| seen.insert(hash)), || {
            format!("account {account}: version {to} has no hash of its own")
        });
        before = to;
    }
    finding.expect(before == version, || {
        format!("account {account} stands at version {version}, but its last recorded change made {before}")
    });
    let last = recorded.last().and_then(|entry| entry.detail.as_deref()).unwrap_or_default();
    finding.expect(last == hash, || format!("account {account}: the stored hash is not the one of its last change"));
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(a_second_change_and_one_without_an_item_are_found);

    async fn a_second_change_and_one_without_an_item_are_found(on: &TestLedger) {
        let world = World::new(on).await;
        let mut before = check(&world.case()).await;
        sound(&before);
        let first = world.tasks[0];
        let tampered = [
            ("UPDATE accounts SET password_hash = 'x' WHERE source_id = 'p1'".to_owned(), "went from version 1 to 1"),
            (
                "UPDATE accounts SET credential_version = credential_version + 1 WHERE source_id = 'p2'".to_owned(),
                "but its items made the versions [1]",
            ),
            (
                format!("UPDATE items SET state = 'queued' WHERE state = 'notified' AND task_id = '{first}'"),
                "which does not go with its version",
            ),
            (
                format!("UPDATE items SET state = 'reset' WHERE state = 'queued' AND task_id = '{first}'"),
                "changed its account's password 2 times",
            ),
            (
                format!(
                    "UPDATE items SET attempt_id = (SELECT MIN(i.attempt_id::text)::uuid FROM items i) WHERE task_id = '{first}'"
                ),
                "two items have the attempt",
            ),
        ];
        for (sql, words) in tampered {
            let sql = if on.raw.is_postgres() { sql } else { sql.replace("::text", "").replace("::uuid", "") };
            world.tamper(&sql).await;
            let after = check(&world.case()).await;
            caught(&before, &after, words);
            before = after;
        }
    }
}
