use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::Chosen;

use super::*;
use crate::intake::{Intake, json};
use crate::testing::{DIGEST, FakeLedger, actor};

/// A running task of `owner`, and the control over it.
async fn room() -> (Arc<FakeLedger>, Control, Actor, TaskId) {
    let ledger = Arc::new(FakeLedger::new(1));
    let owner = Actor { name: "portal".into(), ..actor(ledger.state().district, Role::Application) };
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let request = br#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#;
    let request = json::parse(request).unwrap();
    let task = Intake::new(all, None).submit(&owner, request, "key-1").await.unwrap().task;
    ledger.state().task(task).state = TaskState::Running;
    let port: Arc<FakeLedger> = Arc::clone(&ledger);
    (ledger, Control::new(port), owner, task)
}

#[tokio::test]
async fn a_task_is_paused_resumed_and_cancelled_and_repeating_it_changes_nothing() {
    let (ledger, control, _, task) = room().await;
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    for _ in 0..2 {
        assert_eq!(control.pause(&admin, task).await.map(|standing| standing.state), Ok(TaskState::Paused));
    }
    for _ in 0..2 {
        assert_eq!(control.resume(&admin, task).await.map(|standing| standing.state), Ok(TaskState::Running));
    }
    for _ in 0..2 {
        assert_eq!(control.cancel(&admin, task).await.map(|standing| standing.state), Ok(TaskState::Cancelled));
    }
    for result in [control.pause(&admin, task).await, control.resume(&admin, task).await] {
        let problem = result.expect_err("a cancelled task stays cancelled");
        assert_eq!((problem.kind, problem.code), (ProblemKind::Conflict, "task.ended"));
    }
    ledger.state().task(task).state = TaskState::Completed;
    assert_eq!(control.cancel(&admin, task).await.expect_err("ended").code, "task.ended");
}

#[tokio::test]
async fn roles_bound_what_one_may_control() {
    let (ledger, control, owner, task) = room().await;
    let district = ledger.state().district;
    assert!(control.pause(&owner, task).await.is_ok(), "its own");
    let admin = actor(district, Role::DistrictAdmin);
    assert!(control.resume(&admin, task).await.is_ok(), "any of the district");
    for role in [Role::Principal, Role::Teacher] {
        let namesake = Actor { name: owner.name.clone(), ..actor(district, role) };
        assert!(control.pause(&namesake, task).await.is_ok(), "tasks belong to names");
        assert!(control.resume(&namesake, task).await.is_ok());
    }
    let operator = control.pause(&actor(district, Role::Operator), task).await.expect_err("forbidden");
    assert_eq!((operator.kind, operator.code), (ProblemKind::Forbidden, "role.may_not_control"));
    let resend = control.resend(&actor(district, Role::Operator), task, &Resending::default(), "w").await;
    assert_eq!(resend.expect_err("forbidden").code, "role.may_not_control");
    for stranger in [
        Actor { name: "other".into(), ..actor(district, Role::Application) },
        actor(district, Role::Teacher),
        actor(district, Role::Principal),
        Actor { district: DistrictId::fresh(), ..owner.clone() },
    ] {
        for result in [
            control.pause(&stranger, task).await,
            control.resume(&stranger, task).await,
            control.cancel(&stranger, task).await,
        ] {
            assert_eq!(result.expect_err("not theirs").kind, ProblemKind::NotFound);
        }
        let resend = control.resend(&stranger, task, &Resending::default(), "w").await;
        assert_eq!(resend.expect_err("not theirs").kind, ProblemKind::NotFound);
    }
    assert_eq!(control.pause(&admin, TaskId::fresh()).await.expect_err("no task").kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn an_expanding_task_is_held_and_let_go() {
    let (ledger, control, owner, task) = room().await;
    ledger.state().task(task).state = TaskState::Expanding;
    let held = Standing { state: TaskState::Expanding, held: true };
    for _ in 0..2 {
        assert_eq!(control.pause(&owner, task).await, Ok(held));
    }
    assert_eq!(control.resume(&owner, task).await, Ok(Standing { held: false, ..held }));
}

#[tokio::test]
async fn only_another_administrator_approves_and_each_refusal_says_why() {
    let (ledger, control, owner, task) = room().await;
    let district = ledger.state().district;
    ledger.state().task(task).state = TaskState::AwaitingApproval;
    let waits = Standing { state: TaskState::AwaitingApproval, held: false };
    assert_eq!(control.resume(&owner, task).await, Ok(waits), "to resume is not to approve");
    let nameless = actor(district, Role::DistrictAdmin);
    let admin = Actor { person: Some(AccountId::fresh()), ..nameless.clone() };
    for role in [Role::Principal, Role::Teacher, Role::Operator, Role::Application] {
        let refused = control.approve(&actor(district, role), task, DIGEST).await.expect_err("not for this role");
        assert_eq!((refused.kind, refused.code), (ProblemKind::Forbidden, "role.may_not_approve"), "{role}");
    }
    let namesake = Actor { name: owner.name.clone(), ..admin.clone() };
    let same = control.approve(&namesake, task, DIGEST).await.expect_err("who asked");
    assert_eq!((same.kind, same.code), (ProblemKind::Forbidden, "approval.same_person"));
    let nobody = control.approve(&nameless, task, DIGEST).await.expect_err("a key of nobody's");
    assert_eq!((nobody.kind, nobody.code), (ProblemKind::Forbidden, "approval.person_missing"));
    ledger.state().task(task).new.actor.role = Role::DistrictAdmin;
    let unknown = control.approve(&admin, task, DIGEST).await.expect_err("asked by nobody");
    assert_eq!((unknown.kind, unknown.code), (ProblemKind::Forbidden, "approval.asker_unknown"));
    ledger.state().task(task).new.actor.role = Role::Application;
    let other = control.approve(&admin, task, "of others").await.expect_err("other accounts");
    assert_eq!((other.kind, other.code), (ProblemKind::Conflict, "approval.other_digest"));
    let stranger = Actor { district: DistrictId::fresh(), ..admin.clone() };
    let unseen = control.approve(&stranger, task, DIGEST).await.expect_err("another district's");
    assert_eq!(unseen.kind, ProblemKind::NotFound);
    assert_eq!(control.approve(&admin, task, DIGEST).await.map(|standing| standing.state), Ok(TaskState::Running));
    let late = control.approve(&admin, task, DIGEST).await.expect_err("it runs");
    assert_eq!((late.kind, late.code), (ProblemKind::Conflict, "approval.not_awaiting"));
}

#[tokio::test]
async fn a_resend_means_the_undelivered_unless_it_says_whose() {
    let (ledger, control, owner, task) = room().await;
    let read = |text: &str| Resending::parse(text.as_bytes()).unwrap();
    for text in ["{}", r#"{"items":["undelivered"]}"#, r#"{"accounts":["a0","a0"]}"#] {
        let told = control.resend(&owner, task, &read(text), "api-1").await.unwrap();
        assert_eq!((told.again, told.state), (1, TaskState::Running));
    }
    let all = Chosen::States(vec![ItemState::Undelivered]);
    let named = Chosen::Accounts(vec![ledger.state().names["a0"]]);
    let asked = [all.clone(), all, named].map(|chosen| ("api-1".to_owned(), chosen));
    assert_eq!(ledger.state().resends, asked);
    for (text, code, field) in [
        (r#"{"items":["undelivered","failed"]}"#, "resend.only_undelivered", "items[1]"),
        (r#"{"items":[]}"#, "resend.empty", "items"),
        (r#"{"accounts":[]}"#, "resend.empty", "accounts"),
        (r#"{"accounts":["a0"," "]}"#, "selection.blank_entry", "accounts[1]"),
        (r#"{"accounts":["a0"],"items":["undelivered"]}"#, "resend.items_or_accounts", "accounts"),
        (r#"{"accounts":["a0","x","y"]}"#, "resend.unknown_accounts", "accounts"),
    ] {
        let problem = control.resend(&owner, task, &read(text), "w").await.expect_err(text);
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{text}");
        assert!(code != "resend.unknown_accounts" || problem.entries == ["x", "y"]);
    }
    assert_eq!(ledger.state().resends.len(), 3, "what is refused changes nothing");
}

#[test]
fn a_resend_is_read_as_strictly_as_a_request() {
    for (text, code, field) in [
        ("", "body.invalid", None),
        ("[]", "body.invalid", None),
        (r#"{"item":["undelivered"]}"#, "field.unknown", Some("item")),
        (r#"{"items":null}"#, "field.invalid", Some("items")),
        (r#"{"accounts":null}"#, "field.invalid", Some("accounts")),
        (r#"{"items":["undelivered","lost"]}"#, "field.invalid", Some("items[1]")),
        (r#"{"items":"undelivered"}"#, "field.invalid", Some("items")),
        (r#"{"accounts":["a0"],"accounts":[]}"#, "json.duplicate_key", Some("accounts")),
    ] {
        let problem = Resending::parse(text.as_bytes()).expect_err(text);
        assert_eq!((problem.code, problem.field.as_deref()), (code, field), "{text}: {problem}");
    }
}
