//! Invariant 8: everybody whose password changed was told, or is listed as undelivered with the reason.

use std::collections::{HashMap, HashSet};

use keybell_shared::codes::Code;
use keybell_shared::request::ResetRequest;

use super::journal::Journal;
use super::rows::{count, maybe, rows};
use super::{Case, Finding};
use crate::evidence::Channel;

/// An item that changed a password.
struct Changed {
    item: String,
    state: String,
    code: Option<String>,
    version: i64,
    /// The account's version now.
    current: i64,
    /// Whether its request asked for messages; `None` when the request cannot be read.
    asked: Option<bool>,
}

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(8, "whoever got a new password was told, or is listed with reason");
    let journal = Journal::read(case).await;
    let delivered = journal.delivered();
    let mut told: HashSet<&str> = HashSet::new();
    for one in &journal.notifications {
        if delivered.contains(one.id.as_str()) {
            told.insert(&one.item);
        }
        finding.expect(one.state != "accepted" || delivered.contains(one.id.as_str()), || {
            format!("notification {} is accepted, but nobody took its message", one.id)
        });
        finding.expect(!matches!(one.state.as_str(), "failed" | "expired") || one.code.is_some(), || {
            format!("notification {} is {} without a reason", one.id, one.state)
        });
    }
    for (message, one) in journal.told() {
        // Domains are written in small letters on the way.
        let same = message.to == one.address
            || (message.channel == Channel::Email && message.to.eq_ignore_ascii_case(&one.address));
        finding.expect(same, || format!("the message of notification {} went to somebody else", one.id));
    }
    for changed in changed(case).await {
        let was_told = told.contains(changed.item.as_str());
        let fault = judge(&changed, was_told);
        finding.expect(fault.is_none(), || {
            let code = changed.code.as_deref().unwrap_or("without a code");
            format!("item {} is {} ({code}), but {}", changed.item, changed.state, fault.unwrap_or_default())
        });
    }
    finding
}

/// What is wrong with what an item says of itself.
fn judge(changed: &Changed, was_told: bool) -> Option<&'static str> {
    let code: Option<Code> = changed.code.as_deref().and_then(|code| code.parse().ok());
    match (changed.state.as_str(), code) {
        ("notified", _) => (!was_told).then_some("nobody took a message of it"),
        ("undelivered", code) => code.is_none().then_some("the reason is missing"),
        ("silent", Some(Code::S06)) => {
            (changed.current <= changed.version).then_some("no newer reset made it obsolete")
        }
        ("silent", Some(Code::N01)) => (changed.asked != Some(false)).then_some("its request asked for messages"),
        _ => Some("that is no end of an item whose password was changed"),
    }
}

async fn changed(case: &Case<'_>) -> Vec<Changed> {
    let asked: HashMap<String, Option<bool>> = rows(case.ledger, "SELECT id, request FROM tasks")
        .await
        .into_iter()
        .map(|[task, request]| {
            let request: Option<ResetRequest> = serde_json::from_str(&request).ok();
            (task, request.map(|request| request.is_told()))
        })
        .collect();
    rows(
        case.ledger,
        "SELECT i.id, i.task_id, i.state, i.code, i.credential_version, a.credential_version
         FROM items i JOIN accounts a ON a.id = i.account_id WHERE i.credential_version IS NOT NULL ORDER BY i.id",
    )
    .await
    .into_iter()
    .map(|[item, task, state, code, version, current]| Changed {
        item,
        state,
        code: maybe(&code),
        version: count(&version),
        current: count(&current),
        asked: asked.get(&task).copied().flatten(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(whoever_was_not_told_and_is_not_listed_is_found);

    async fn whoever_was_not_told_and_is_not_listed_is_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let mut before = check(&world.case()).await;
        sound(&before);

        let message = world.evidence.messages.remove(0);
        let after = check(&world.case()).await;
        caught(&before, &after, "is accepted, but nobody took its message");
        caught(&before, &after, "is notified (N00), but nobody took a message of it");

        world.evidence.messages.insert(0, message);
        world.evidence.messages[0].to = "somebody.else@example.org".to_owned();
        caught(&before, &check(&world.case()).await, "went to somebody else");
        world.evidence.messages[0].to = "P1@example.org".to_owned();
        sound(&check(&world.case()).await);

        for (sql, words) in [
            ("UPDATE items SET code = NULL WHERE state = 'undelivered'", "the reason is missing"),
            ("UPDATE notifications SET code = NULL WHERE state = 'failed'", "is failed without a reason"),
            ("UPDATE accounts SET credential_version = 1 WHERE source_id = 'p4'", "no newer reset made it obsolete"),
            ("UPDATE items SET code = 'N01' WHERE state = 'silent'", "its request asked for messages"),
            ("UPDATE items SET state = 'failed' WHERE state = 'silent'", "that is no end of an item"),
        ] {
            world.tamper(sql).await;
            let after = check(&world.case()).await;
            caught(&before, &after, words);
            before = after;
        }
    }
}
