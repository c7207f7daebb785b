//! Taking up items of an earlier task again, as a task of its own.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::codes::Code;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{
    Acceptance, Chosen, Idempotency, IntakeLedger as _, ItemFilter, NewTask, OutboxLedger as _, Preview, Reissue,
    SendOutcome, TaskLedger as _,
};
use keybell_shared::request::{ResetRequest, Scope, Where};
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, pending, report, reset};

on_both!(
    the_chosen_items_become_a_child_task,
    whom_a_newer_task_has_reset_is_taken_up_by_name_only,
    open_items_and_those_being_told_are_never_taken_up,
    a_repeated_reissue_is_one_task,
    whoever_may_not_be_reset_is_counted_and_skipped,
    another_districts_task_is_nobodys_parent,
);

/// A task: p1 told, p2 and p3 undelivered, p4 being told, the others open.
async fn parent(on: &TestLedger, fixture: &Fixture) -> TaskId {
    let asked = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    let task = task(&*on.ledger, &fixture.admin(), asked).await;
    let items = pending(on, task).await;
    let notifications = caused(&reset(on, &items[..4]).await);
    for (place, claimed) in claim(on, &notifications[..3], LEASE).await.iter().enumerate() {
        report(on, claimed, if place == 0 { SendOutcome::Accepted } else { SendOutcome::Permanent }).await;
    }
    task
}

/// A request whose selection does not matter.
fn anybody() -> ResetRequest {
    request(json!({"selection": {"scope": "selected"}}))
}

fn child(actor: &Actor, key: &str, parent: TaskId, chosen: &Chosen) -> NewTask {
    let mut asked = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    asked.selection.scope = Scope::Selected;
    asked.selection.narrowed = Where::default();
    let fingerprint = format!("{parent} {chosen:?}");
    NewTask {
        id: TaskId::fresh(),
        actor: actor.clone(),
        request: asked,
        named: Vec::new(),
        shared: None,
        uploaded: Vec::new(),
        idempotency: Idempotency { producer: actor.name.clone(), key: key.to_owned(), fingerprint },
        reissue: Some(Reissue { parent, chosen: chosen.clone() }),
        trial: None,
    }
}

/// The usernames of a task's accounts, in order, with their states.
async fn accounts(on: &TestLedger, fixture: &Fixture, task: TaskId) -> Vec<(String, ItemState)> {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    items.into_iter().map(|item| (item.username, item.state)).collect()
}

async fn the_chosen_items_become_a_child_task(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let actor = fixture.admin();
    let parent = parent(on, &fixture).await;
    let chosen = Chosen::States(vec![ItemState::Undelivered, ItemState::Failed]);
    let preview = on.ledger.preview_reissue(&actor, &Reissue { parent, chosen: chosen.clone() }, &anybody()).await;
    assert_eq!(preview, Ok(Preview { eligible: 2, skipped: Vec::new() }));
    let new = child(&actor, "k1", parent, &chosen);
    assert_eq!(on.ledger.accept(new.clone()).await, Ok(Acceptance::Accepted(new.id)));
    let view = on.ledger.task(fixture.district.id, new.id).await.expect("a task").expect("there");
    assert_eq!((view.parent, view.progress.state), (Some(parent), TaskState::Expanding));
    assert_eq!(on.ledger.task(fixture.district.id, parent).await.expect("a task").expect("there").parent, None);
    let events = on.ledger.unsent_events(100).await.expect("events");
    let accepted = events.iter().rfind(|event| event.kind == "task.accepted").expect("an event");
    assert_eq!(accepted.body["parent"], parent.to_string());
    let audit = format!("SELECT detail FROM audit WHERE action = 'task.accepted' AND subject = 'task {}'", new.id);
    assert!(on.raw.text(&audit).await.contains(&parent.to_string()));
    // They are chosen in the transaction that accepts: what happens to the parent afterwards changes nothing.
    on.ledger.resend("w", fixture.district.id, parent, "me", &chosen).await.expect("told again");
    expand(&*on.ledger, new.id).await;
    let expected = ["p2", "p3"].map(|name| (name.to_owned(), ItemState::Pending));
    assert_eq!(accounts(on, &fixture, new.id).await, expected);
    let outcomes = reset(on, &pending(on, new.id).await).await;
    assert_eq!(caused(&outcomes).len(), 2, "new passwords, and new messages");
    let newest = "SELECT count(*) FROM accounts WHERE credential_version = 2";
    assert_eq!(on.raw.number(newest).await, 2);
    let untouched = accounts(on, &fixture, parent).await;
    assert_eq!(untouched[0], ("p1".to_owned(), ItemState::Notified), "the others are not touched");
}

async fn whom_a_newer_task_has_reset_is_taken_up_by_name_only(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let actor = fixture.admin();
    let parent = parent(on, &fixture).await;
    let chosen = Chosen::States(vec![ItemState::Undelivered]);
    let unreachable = ItemFilter { state: Some(ItemState::Undelivered), current: true, ..ItemFilter::default() };
    let listed =
        || async { on.ledger.report(fixture.district.id, parent, unreachable, 9).await.expect("a list").len() };
    assert_eq!(listed().await, 2);
    let first = child(&actor, "k1", parent, &chosen);
    assert_eq!(on.ledger.accept(first.clone()).await, Ok(Acceptance::Accepted(first.id)));
    expand(&*on.ledger, first.id).await;
    reset(on, &pending(on, first.id).await).await;
    // They may have been told by now: whoever asks by state must not take a password that works from them.
    let again = on.ledger.preview_reissue(&actor, &Reissue { parent, chosen }, &anybody()).await;
    assert_eq!(again, Ok(Preview::default()));
    assert_eq!(listed().await, 0, "nobody is to be helped by hand because of the older task");
    let named = ["p2", "p3"].map(str::to_owned);
    let found = on.ledger.resolve_accounts(fixture.district.id, &named).await.expect("resolved").found;
    let named =
        on.ledger.preview_reissue(&actor, &Reissue { parent, chosen: Chosen::Accounts(found) }, &anybody()).await;
    assert_eq!(named, Ok(Preview { eligible: 2, skipped: Vec::new() }));
}

async fn open_items_and_those_being_told_are_never_taken_up(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let parent = parent(on, &fixture).await;
    let everybody = Chosen::Accounts(fixture.pupils.clone());
    let every_state = Chosen::States(ItemState::ALL.to_vec());
    for (key, chosen) in [("accounts", everybody), ("states", every_state)] {
        let preview =
            on.ledger.preview_reissue(&fixture.admin(), &Reissue { parent, chosen: chosen.clone() }, &anybody()).await;
        assert_eq!(preview.map(|preview| preview.eligible), Ok(3), "{key}");
        let new = child(&fixture.admin(), key, parent, &chosen);
        on.ledger.accept(new.clone()).await.expect("accepted");
        expand(&*on.ledger, new.id).await;
        let names: Vec<String> = accounts(on, &fixture, new.id).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["p1", "p2", "p3"], "{key}");
    }
    for nobody in [Chosen::States(Vec::new()), Chosen::Accounts(Vec::new()), Chosen::States(vec![ItemState::Pending])] {
        let preview =
            on.ledger.preview_reissue(&fixture.admin(), &Reissue { parent, chosen: nobody }, &anybody()).await;
        assert_eq!(preview, Ok(Preview::default()));
    }
}

async fn a_repeated_reissue_is_one_task(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let actor = fixture.admin();
    let parent = parent(on, &fixture).await;
    let chosen = Chosen::States(vec![ItemState::Undelivered]);
    let first = child(&actor, "k1", parent, &chosen);
    assert_eq!(on.ledger.accept(first.clone()).await, Ok(Acceptance::Accepted(first.id)));
    assert_eq!(on.ledger.accept(child(&actor, "k1", parent, &chosen)).await, Ok(Acceptance::Repeated(first.id)));
    let other = Chosen::Accounts(fixture.pupils[..2].to_vec());
    assert_eq!(on.ledger.accept(child(&actor, "k1", parent, &other)).await, Ok(Acceptance::Mismatch));
    assert_eq!(on.raw.number(&format!("SELECT count(*) FROM tasks WHERE parent_id = '{parent}'")).await, 1);
}

async fn whoever_may_not_be_reset_is_counted_and_skipped(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let parent = parent(on, &fixture).await;
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id = '{}'", fixture.pupils[1])).await;
    on.raw.run(&format!("DELETE FROM enrolments WHERE account_id = '{}'", fixture.pupils[2])).await;
    let teacher = Actor { role: Role::Teacher, person: Some(fixture.teacher), name: "t".to_owned(), ..fixture.admin() };
    let chosen = Chosen::States(vec![ItemState::Notified, ItemState::Undelivered]);
    let preview = on.ledger.preview_reissue(&teacher, &Reissue { parent, chosen: chosen.clone() }, &anybody()).await;
    assert_eq!(preview, Ok(Preview { eligible: 1, skipped: vec![(Code::S03, 1), (Code::S09, 1)] }));
    let new = child(&teacher, "k1", parent, &chosen);
    on.ledger.accept(new.clone()).await.expect("accepted");
    expand(&*on.ledger, new.id).await;
    let expected = [("p1", ItemState::Pending), ("p2", ItemState::Skipped), ("p3", ItemState::Skipped)];
    assert_eq!(accounts(on, &fixture, new.id).await, expected.map(|(name, state)| (name.to_owned(), state)));
}

async fn another_districts_task_is_nobodys_parent(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let parent = parent(on, &fixture).await;
    let stranger = district_with(&*on.ledger, 1).await.admin();
    let chosen = Chosen::States(vec![ItemState::Undelivered]);
    let preview = on.ledger.preview_reissue(&stranger, &Reissue { parent, chosen: chosen.clone() }, &anybody()).await;
    assert_eq!(preview, Ok(Preview::default()));
    on.ledger.accept(child(&stranger, "k1", parent, &chosen)).await.expect_err("refused");
    on.ledger.accept(child(&fixture.admin(), "k1", TaskId::fresh(), &chosen)).await.expect_err("no such task");
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 1, "nothing of it was kept");
}
