//! Invariant 4: every item ends in exactly one terminal state, items add up to the task's count, and no transition
//! happens that is no edge of the state machines.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keybell_shared::progress::Counts;
use keybell_shared::states::{ItemState, NotificationState, TaskState};

use super::history::{self, Entry, Kind};
use super::rows::{count, maybe, rows};
use super::tally::{counted, tallies};
use super::{Case, Finding};
use crate::evidence::{Answer, Request};

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(4, "items end once, add up, and go along the edges only");
    let now = present(case).await;
    for ((kind, id), state) in &now {
        finding.expect(is_final(*kind, state), || format!("{} {id} is still {state}", kind.as_str()));
    }
    let entries = history::read(case.ledger, &[Kind::Task, Kind::Item, Kind::Notification]).await;
    let mut lives: BTreeMap<(Kind, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in &entries {
        lives.entry((entry.kind, entry.id.as_str())).or_default().push(entry);
    }
    for ((kind, id), life) in &lives {
        judge_life(&mut finding, *kind, id, life, now.get(&(*kind, (*id).to_owned())));
    }
    for (kind, id) in now.keys() {
        finding.expect(lives.contains_key(&(*kind, id.as_str())), || format!("{} {id} has no history", kind.as_str()));
    }
    judge_approvals(&mut finding, case, &lives).await;
    judge_sums(&mut finding, case).await;
    finding
}

/// Whoever awaited an approval and began all the same was approved, by somebody else than who asked.
async fn judge_approvals(finding: &mut Finding, case: &Case<'_>, lives: &BTreeMap<(Kind, &str), Vec<&Entry>>) {
    for [task, requester, approved_by] in rows(case.ledger, "SELECT id, requester, approved_by FROM tasks").await {
        let Some(life) = lives.get(&(Kind::Task, task.as_str())) else { continue };
        let from_there = |entry: &&&Entry| entry.from.as_deref() == Some("awaiting_approval");
        let began = life.iter().filter(from_there).any(|entry| entry.to != "cancelling");
        let second = maybe(&approved_by).is_some_and(|by| *by != requester);
        finding.expect(!began || second, || format!("task {task} began without a second person's approval"));
    }
}

/// The state of everything that has one, as it is now.
async fn present(case: &Case<'_>) -> BTreeMap<(Kind, String), String> {
    let mut now = BTreeMap::new();
    for (kind, sql) in [
        (Kind::Task, "SELECT id, state FROM tasks"),
        (Kind::Item, "SELECT id, state FROM items"),
        (Kind::Notification, "SELECT id, state FROM notifications"),
    ] {
        now.extend(rows(case.ledger, sql).await.into_iter().map(|[id, state]| ((kind, id), state)));
    }
    now
}

fn is_final(kind: Kind, state: &str) -> bool {
    match kind {
        Kind::Task => state.parse().is_ok_and(TaskState::is_final),
        Kind::Item => state.parse().is_ok_and(ItemState::is_final),
        Kind::Notification => state.parse().is_ok_and(NotificationState::is_final),
        Kind::Account => true,
    }
}

/// Whether the edge exists; without `from`: whether a life may begin so.
fn may(kind: Kind, from: Option<&str>, to: &str) -> bool {
    match (kind, from) {
        (Kind::Task, None) => to == "expanding",
        // What a rule leaves untouched is written down as skipped.
        (Kind::Item, None) => matches!(to, "pending" | "skipped"),
        (Kind::Notification, None) => to == "waiting",
        (Kind::Task, Some(from)) => edge(from, to, TaskState::may_become),
        (Kind::Item, Some(from)) => edge(from, to, ItemState::may_become),
        (Kind::Notification, Some(from)) => edge(from, to, NotificationState::may_become),
        (Kind::Account, _) => true,
    }
}

fn edge<S: std::str::FromStr>(from: &str, to: &str, may_become: fn(S, S) -> bool) -> bool {
    from.parse().ok().zip(to.parse().ok()).is_some_and(|(from, to)| may_become(from, to))
}

/// One life: its transitions are edges, each begins where the last one ended, and the last one leads to what is stored.
fn judge_life(finding: &mut Finding, kind: Kind, id: &str, life: &[&Entry], now: Option<&String>) {
    let mut at: Option<&str> = None;
    for entry in life {
        let from = entry.from.as_deref();
        finding.expect(from == at, || {
            format!("{} {id} went from {from:?} to {}, but was {at:?} before", kind.as_str(), entry.to)
        });
        finding.expect(may(kind, from, &entry.to), || {
            format!(
                "{} {id} went from {} to {}, which no rule allows",
                kind.as_str(),
                from.unwrap_or("nothing"),
                entry.to
            )
        });
        at = Some(&entry.to);
    }
    finding.expect(at == now.map(String::as_str), || {
        format!("{} {id} is {now:?}, but its history ends with {at:?}", kind.as_str())
    });
}

/// Items, counters and what the request asked for say the same number.
async fn judge_sums(finding: &mut Finding, case: &Case<'_>) {
    let (truth, counters) = (tallies(case.ledger).await, counted(case.ledger).await);
    let people: HashMap<String, i64> =
        rows(case.ledger, "SELECT district_id, count(*) FROM accounts GROUP BY district_id")
            .await
            .into_iter()
            .map(|[district, n]| (district, count(&n)))
            .collect();
    let asked: HashMap<String, &Request> = case
        .evidence
        .requests
        .iter()
        .filter_map(|request| match &request.answer {
            Answer::Accepted(id) => Some((id.to_string(), request)),
            Answer::Refused(_) | Answer::Unknown => None,
        })
        .collect();
    for [task, district, digest] in rows(case.ledger, "SELECT id, district_id, digest FROM tasks").await {
        let items = truth.get(&task).copied().unwrap_or_default();
        let summed = counters.get(&task).map(|(counts, _)| Counts { retries: 0, ..*counts }).unwrap_or_default();
        finding.expect(items == summed, || {
            format!("task {task}: its items are {items:?}, but its counters say {summed:?}")
        });
        // A task that was cancelled while its accounts were written down has a part of them, and no digest.
        let expected = asked.get(&task).and_then(|request| expected(request, people.get(&district).copied()));
        if let (Some(expected), Some(_)) = (expected, maybe(&digest)) {
            finding.expect(items.total() == expected, || {
                format!("task {task} has {} items, but {expected} accounts were asked for", items.total())
            });
        }
    }
}

/// How many accounts a request means, where its text alone says so.
fn expected(request: &Request, people: Option<i64>) -> Option<i64> {
    if request.body.pointer("/password/source").is_some_and(|source| source == "uploaded") {
        // Whom the trial run leaves out gets no item.
        return None;
    }
    let selection = request.body.get("selection")?;
    if selection.get("where").is_some_and(|narrowed| narrowed.as_object().is_none_or(|fields| !fields.is_empty())) {
        return None;
    }
    let named = || -> i64 {
        let names: BTreeSet<&str> = selection
            .get("accounts")
            .and_then(|names| names.as_array())
            .map(|names| names.iter().filter_map(|name| name.as_str()).collect())
            .unwrap_or_default();
        i64::try_from(names.len()).unwrap_or(i64::MAX)
    };
    match selection.get("scope")?.as_str()? {
        "all" => people,
        "all_except" => Some(people? - named()),
        "selected" => Some(named()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(what_is_open_illegal_lost_or_miscounted_is_found);

    async fn what_is_open_illegal_lost_or_miscounted_is_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let mut before = check(&world.case()).await;
        sound(&before);
        let third = world.tasks[2];
        let tampered = [
            ("UPDATE counters SET notified = notified + 1".to_owned(), "but its counters say"),
            ("UPDATE items SET state = 'reset' WHERE state = 'undelivered'".to_owned(), "is still reset"),
            (
                format!("UPDATE items SET state = 'notified' WHERE task_id = '{third}'"),
                "from cancelled to notified, which no rule allows",
            ),
            (
                "UPDATE tasks SET state = 'completed' WHERE state = 'completed'".to_owned(),
                "from completed to completed",
            ),
            (
                "DELETE FROM faults_history WHERE kind = 'notification' AND target = 'sending'".to_owned(),
                "went from Some(\"sending\")",
            ),
            (format!("DELETE FROM items WHERE task_id = '{third}'"), "from notified to gone"),
            ("DELETE FROM faults_history WHERE kind = 'task'".to_owned(), "has no history"),
        ];
        for (sql, words) in tampered {
            world.tamper(&sql).await;
            let after = check(&world.case()).await;
            caught(&before, &after, words);
            before = after;
        }
        for state in ["awaiting_approval", "running"] {
            world.tamper(&format!("UPDATE tasks SET state = '{state}' WHERE id = '{third}'")).await;
        }
        let after = check(&world.case()).await;
        caught(&before, &after, "began without a second person's approval");
        before = after;
        world.evidence.requests[0].body = serde_json::json!({"selection": {"scope": "selected", "accounts": ["p1"]}});
        caught(&before, &check(&world.case()).await, "has 4 items, but 1 accounts were asked for");
    }
}
