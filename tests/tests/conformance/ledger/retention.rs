//! Forgetting what is no longer needed.

use std::time::Duration;

use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{
    Acceptance, Chosen, Idempotency, IntakeLedger as _, NewTask, OutboxLedger as _, Purged, Reissue, Retention,
    RetentionLedger as _, SendOutcome, TaskLedger as _,
};
use keybell_shared::request::Scope;
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, pending, report, reset};

on_both!(
    an_old_task_goes_with_everything_that_hangs_on_it,
    open_and_recent_tasks_stay,
    a_task_stays_as_long_as_a_reissue_of_it,
    a_task_that_is_forgotten_in_parts_still_adds_up,
    events_and_keys_go_by_their_age,
);

const YEAR: Duration = Duration::from_hours(24 * 365);
const KEPT: Retention = Retention { tasks: YEAR, events: YEAR, idempotency: YEAR };

/// A task whose pupils are half told, half undelivered; the others were cancelled.
async fn ended(on: &TestLedger, fixture: &Fixture) -> TaskId {
    let names: Vec<String> = (1..=fixture.pupils.len()).map(|n| format!("p{n}")).collect();
    let asked = request(json!({"selection": {"scope": "selected", "accounts": names}, "channel": "email"}));
    let task = task(&*on.ledger, &fixture.admin(), asked).await;
    let items = pending(on, task).await;
    let notifications = caused(&reset(on, &items[..4]).await);
    for (place, claimed) in claim(on, &notifications, LEASE).await.iter().enumerate() {
        report(on, claimed, if place % 2 == 0 { SendOutcome::Accepted } else { SendOutcome::Permanent }).await;
    }
    on.ledger.cancel(fixture.district.id, task, "me").await.expect("cancelled");
    task
}

/// A re-issue of the undelivered items, brought to its end.
async fn again(on: &TestLedger, fixture: &Fixture, parent: TaskId) -> TaskId {
    let id = TaskId::fresh();
    let mut asked = request(json!({"selection": {"scope": "all"}}));
    asked.selection.scope = Scope::Selected;
    let new = NewTask {
        id,
        actor: fixture.admin(),
        request: asked,
        named: Vec::new(),
        shared: None,
        uploaded: Vec::new(),
        idempotency: Idempotency { producer: "console".to_owned(), key: id.to_string(), fingerprint: "f".to_owned() },
        reissue: Some(Reissue { parent, chosen: Chosen::States(vec![ItemState::Undelivered]) }),
        trial: None,
    };
    assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(id)));
    expand(&*on.ledger, id).await;
    on.ledger.cancel(fixture.district.id, id, "me").await.expect("cancelled");
    id
}

/// Makes a task as old as can be.
async fn age(on: &TestLedger, task: TaskId) {
    on.raw.run(&format!("UPDATE tasks SET finished_at = 1 WHERE id = '{task}' AND finished_at IS NOT NULL")).await;
}

/// Purges until nothing is left, a little at a time.
async fn purge(on: &TestLedger, limit: u32) -> Purged {
    let mut all = Purged::default();
    loop {
        let step = on.ledger.purge(&KEPT, limit).await.expect("purged");
        let limit = u64::from(limit);
        assert!(step.items <= limit && step.tasks <= limit && step.events <= limit && step.idempotency <= limit);
        if step == Purged::default() {
            return all;
        }
        all.tasks += step.tasks;
        all.items += step.items;
        all.events += step.events;
        all.idempotency += step.idempotency;
    }
}

async fn rows(on: &TestLedger, table: &str) -> i64 {
    on.raw.number(&format!("SELECT count(*) FROM {table}")).await
}

async fn an_old_task_goes_with_everything_that_hangs_on_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    for _ in 0..3 {
        let task = ended(on, &fixture).await;
        age(on, task).await;
    }
    let audit = rows(on, "audit").await;
    assert!(rows(on, "attempts").await > 0 && rows(on, "sealed_passwords").await > 0);
    let expected = Purged { tasks: 3, items: 27, ..Purged::default() };
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(expected));
    assert_eq!(purge(on, 4).await, expected);
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(Purged::default()));
    for table in ["tasks", "items", "notifications", "attempts", "sealed_passwords", "counters", "task_accounts"] {
        assert_eq!(rows(on, table).await, 0, "{table}");
    }
    assert_eq!(rows(on, "audit").await, audit, "the audit is a chain");
    assert!(rows(on, "idempotency").await > 0, "keys have an age of their own");
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE password_hash IS NOT NULL").await, 4);
}

async fn open_and_recent_tasks_stay(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let recent = ended(on, &fixture).await;
    let asked = request(json!({"selection": {"scope": "all"}}));
    let open = task(&*on.ledger, &fixture.admin(), asked).await;
    on.raw.run("UPDATE tasks SET created_at = 1").await;
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(Purged::default()));
    assert_eq!(purge(on, 100).await, Purged::default());
    for task in [recent, open] {
        assert!(on.ledger.task(fixture.district.id, task).await.expect("a task").is_some());
    }
    assert_eq!(rows(on, "items").await, 9 + 13);
}

async fn a_task_stays_as_long_as_a_reissue_of_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let grandparent = ended(on, &fixture).await;
    let parent = again(on, &fixture, grandparent).await;
    on.raw.run(&format!("UPDATE items SET state = 'undelivered' WHERE task_id = '{parent}'")).await;
    let child = again(on, &fixture, parent).await;
    let stranger = ended(on, &fixture).await;
    for old in [grandparent, parent, stranger] {
        age(on, old).await;
    }
    let expected = Purged { tasks: 1, items: 9, ..Purged::default() };
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(expected), "the child is recent, so all that it comes from stays");
    assert_eq!(purge(on, 100).await, expected);
    assert!(on.ledger.task(fixture.district.id, grandparent).await.expect("a task").is_some());
    age(on, child).await;
    let expected = Purged { tasks: 3, items: 9 + 2 + 2, ..Purged::default() };
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(expected));
    assert_eq!(purge(on, 2).await, expected, "children before parents");
    assert_eq!(rows(on, "tasks").await, 0);
}

async fn a_task_that_is_forgotten_in_parts_still_adds_up(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let task = ended(on, &fixture).await;
    age(on, task).await;
    assert_eq!(on.ledger.purge(&KEPT, 3).await, Ok(Purged { items: 3, ..Purged::default() }));
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.progress.counts.total(), rows(on, "items").await), (6, 6));
    let told = on
        .ledger
        .resend("w", fixture.district.id, task, "me", &Chosen::States(vec![ItemState::Undelivered]))
        .await
        .expect("an answer")
        .expect("a task");
    assert_eq!(told.again, 1);
    assert_eq!(on.ledger.purge(&KEPT, 3).await, Ok(Purged::default()), "it is open again");
    assert_eq!(rows(on, "items").await, 6);
}

async fn events_and_keys_go_by_their_age(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    ended(on, &fixture).await;
    ended(on, &fixture).await;
    let events = on.ledger.unsent_events(100).await.expect("events");
    let sent: Vec<i64> = events.iter().map(|event| event.id).take(5).collect();
    on.ledger.events_sent(&sent).await.expect("noted");
    // All but one of these were written down for the webhooks, too.
    on.raw.run("UPDATE events SET handed_out = TRUE").await;
    on.raw.run(&format!("UPDATE events SET handed_out = FALSE WHERE id = {}", sent[0])).await;
    assert_eq!(purge(on, 2).await, Purged::default(), "nothing is old");
    on.raw.run("UPDATE events SET at = 1").await;
    on.raw.run("UPDATE idempotency SET created_at = 1").await;
    let expected = Purged { events: 4, idempotency: 2, ..Purged::default() };
    assert_eq!(on.ledger.purgeable(&KEPT).await, Ok(expected), "what was not handed on stays");
    assert_eq!(purge(on, 2).await, expected);
    assert_eq!(rows(on, "events").await, i64::try_from(events.len()).expect("few") - 4);
}
