//! Re-issues against a ledger in memory: what is inherited, what is different, and what is refused.

use std::sync::Arc;

use keybell_shared::actor::Role;
use keybell_shared::codes::Code;
use keybell_shared::ids::AccountId;
use keybell_shared::problem::ProblemKind;
use keybell_shared::seal::{Binding, OpenKey, fresh_pair};
use secrecy::ExposeSecret;

use super::*;
use crate::testing::{FakeLedger, actor};

const SECRET: &str = "Otter-lamp-47";
const READ: &str = r#""acknowledgement":"2026-11""#;

struct Room {
    ledger: Arc<FakeLedger>,
    intake: Intake,
    admin: Actor,
    key: OpenKey,
}

/// A district with so many accounts, and a task of its administrator with these members.
async fn room(accounts: u64, more: &str) -> (Room, TaskId) {
    let ledger = Arc::new(FakeLedger::new(accounts));
    let (key, seal) = fresh_pair();
    let shared: Arc<FakeLedger> = Arc::clone(&ledger);
    let intake = Intake::new(shared, Some(Arc::new(seal)));
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    let text = format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost",{READ}{more}}}"#);
    let request = json::parse(text.as_bytes()).unwrap();
    let task = intake.submit(&admin, request, "first").await.unwrap().task;
    (Room { ledger, intake, admin, key }, task)
}

fn read(members: &str) -> Reissuing {
    Reissuing::parse(format!("{{{members}}}").as_bytes()).unwrap()
}

/// The newest task.
fn newest(room: &Room) -> NewTask {
    room.ledger.state().tasks.last().unwrap().new.clone()
}

async fn refused(room: &Room, parent: TaskId, members: &str) -> Problem {
    let problem = room.intake.reissue(&room.admin, parent, read(members), "key-1").await.expect_err(members);
    assert_eq!(room.ledger.state().tasks.len(), 1, "a refused re-issue changes nothing");
    assert!(!format!("{problem:?}").contains("tter-lamp"), "no password comes back: {problem:?}");
    problem
}

#[tokio::test]
async fn what_is_left_out_is_as_it_was() {
    let more =
        r#","notify":"always","channel":"cascade","recipient":"both","unreachable":"skip","expires_in_hours":48"#;
    let (room, parent) = room(5, more).await;
    let submitted = room.intake.reissue(&room.admin, parent, read(READ), "key-1").await.expect("accepted");
    let new = newest(&room);
    assert_eq!((submitted.task, submitted.repeated), (new.id, false));
    assert_eq!(new.reissue, Some(Reissue { parent, chosen: Chosen::States(CHOICE.default.to_vec()) }));
    assert_eq!(
        (new.request.selection.scope, new.named.len(), new.request.selection.accounts.len()),
        (Scope::Selected, 0, 0)
    );
    let asked = new.request;
    assert_eq!(
        (asked.notify, asked.channel, asked.recipient),
        (NotifyRule::Always, ChannelRule::Cascade, Recipient::Both)
    );
    assert_eq!(asked.unreachable, Unreachable::Skip);
    assert_eq!((asked.reason, asked.expires_in_hours, asked.temporary), (Reason::Lost, Some(48), None));
    assert_eq!(asked.acknowledgement.as_deref(), Some("2026-11"));
}

#[tokio::test]
async fn what_is_given_is_different() {
    let (room, parent) = room(5, r#","expires_in_hours":48"#).await;
    let members = format!(
        r#"{READ},"accounts":["a1","a1"],"notify":"always","channel":"sms","recipient":"guardians","temporary":false,
           "reason":"other","password":{{"source":"shared","value":"{SECRET}"}}"#
    );
    room.ledger.state().again.eligible = 1;
    let submitted = room.intake.reissue(&room.admin, parent, read(&members), "key-1").await.expect("accepted");
    let new = newest(&room);
    let account: AccountId = room.ledger.state().names["a1"];
    assert_eq!(new.reissue, Some(Reissue { parent, chosen: Chosen::Accounts(vec![account]) }));
    let asked = &new.request;
    assert_eq!(
        (asked.notify, asked.channel, asked.recipient),
        (NotifyRule::Always, ChannelRule::Sms, Recipient::Guardians)
    );
    assert_eq!((asked.reason, asked.expires_in_hours, asked.temporary), (Reason::Other, None, Some(false)));
    assert!(!serde_json::to_string(&new.request).unwrap().contains(SECRET), "taken out of the request");
    let sealed = new.shared.as_ref().expect("sealed");
    let opened = room.key.open(sealed, Binding::Task(room.admin.district, submitted.task)).expect("bound to the task");
    assert_eq!(opened.expose_secret(), SECRET);
}

#[tokio::test]
async fn whom_nobody_reaches_is_skipped_as_before_unless_nobody_is_told_now() {
    let (room, parent) = room(5, r#","unreachable":"skip""#).await;
    for (at, (members, expected)) in [
        ("", Unreachable::Skip),
        (r#","unreachable":"reset""#, Unreachable::Reset),
        (r#","password":{"source":"shared","value":"Otter-lamp-47"}"#, Unreachable::Reset),
        (r#","password":{"source":"shared","value":"Otter-lamp-47"},"notify":"always""#, Unreachable::Skip),
        (r#","password":{"source":"shared","value":" "}"#, Unreachable::Skip),
    ]
    .into_iter()
    .enumerate()
    {
        let asked = read(&format!("{READ}{members}"));
        room.intake.reissue(&room.admin, parent, asked, &format!("key-{at}")).await.expect(members);
        assert_eq!(newest(&room).request.unreachable, expected, "{members}");
    }
    let asked = format!(r#"{READ},"unreachable":"skip","password":{{"source":"shared","value":"Otter-lamp-47"}}"#);
    let refused = room.intake.reissue(&room.admin, parent, read(&asked), "key-9").await.expect_err("nobody is told");
    assert_eq!(refused.code, "unreachable.nobody_is_told");
}

#[tokio::test]
async fn every_wrong_reissue_has_its_code_and_its_field() {
    let (room, parent) = room(5, "").await;
    for (members, code, field) in [
        ("", "acknowledgement.missing", "acknowledgement"),
        (r#""acknowledgement":"2020-01""#, "acknowledgement.outdated", "acknowledgement"),
        (r#""items":["failed","reset"]"#, "reissue.not_final", "items[1]"),
        (r#""items":["pending"]"#, "reissue.not_final", "items[0]"),
        (r#""items":[]"#, "reissue.empty", "items"),
        (r#""accounts":[]"#, "reissue.empty", "accounts"),
        (r#""accounts":["a1"],"items":["failed"]"#, "reissue.items_or_accounts", "accounts"),
        (r#""accounts":["a1",""]"#, "selection.blank_entry", "accounts[1]"),
        (r#""acknowledgement":"2026-11","expires_in_hours":0"#, "password.expiry_out_of_range", "expires_in_hours"),
        (
            r#""acknowledgement":"2026-11","expires_in_hours":9,"temporary":false"#,
            "password.expiry_without_temporary",
            "expires_in_hours",
        ),
        (r#""acknowledgement":"2026-11","notify":"never""#, "notify.nobody_would_know", "notify"),
        (
            r#""acknowledgement":"2026-11","password":{"source":"shared","value":" "},"notify":"never""#,
            "notify.nobody_would_know",
            "notify",
        ),
        (
            r#""acknowledgement":"2026-11","password":{"source":"shared","value":"otter-lamp-47"}"#,
            "password.no_capital",
            "password.value",
        ),
    ] {
        let problem = refused(&room, parent, members).await;
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{members}");
        assert_eq!(problem.kind, ProblemKind::Invalid);
    }
    let problem = refused(&room, parent, r#""accounts":["a1","x","a2","y"]"#).await;
    assert_eq!((problem.code, problem.entries), ("reissue.unknown_accounts", vec!["x".to_owned(), "y".to_owned()]));
}

#[tokio::test]
async fn nobody_and_accounts_without_an_ended_item_are_refused() {
    let (room, parent) = room(5, "").await;
    room.ledger.state().again = Preview::default();
    assert_eq!(refused(&room, parent, READ).await.code, "reissue.nobody");
    room.ledger.state().again = Preview { eligible: 1, skipped: Vec::new() };
    let problem = refused(&room, parent, &format!(r#"{READ},"accounts":["a1","a2","a3"]"#)).await;
    assert_eq!(problem.code, "reissue.not_in_task");
    assert!(problem.detail.starts_with("2 of the 3 accounts"), "{problem}");
    room.ledger.state().again = Preview { eligible: 0, skipped: vec![(Code::S03, 2)] };
    room.intake.reissue(&room.admin, parent, read(READ), "key-1").await.expect("accepted, and every item says why");
}

#[tokio::test]
async fn a_shared_password_is_given_again_and_limited_again() {
    let (room, parent) =
        room(26, r#","password":{"source":"shared","value":"Otter-lamp-47","acknowledged":true}"#).await;
    assert_eq!(refused(&room, parent, READ).await.code, "reissue.password_needed");
    let again = |more: &str| format!(r#"{READ},"password":{{"source":"shared","value":"{SECRET}"{more}}}"#);
    assert_eq!(refused(&room, parent, &again("")).await.code, "password.shared_unacknowledged");
    let acknowledged = again(r#","acknowledged":true"#);
    room.intake.reissue(&room.admin, parent, read(&acknowledged), "key-1").await.expect("accepted");
    assert_eq!(newest(&room).request.expires_in_hours, Some(24), "it expires soon");
    let generated = format!(r#"{READ},"password":{{"source":"generated"}}"#);
    room.intake.reissue(&room.admin, parent, read(&generated), "key-2").await.expect("accepted");
    assert!(newest(&room).shared.is_none());
}

#[tokio::test]
async fn the_key_knows_the_parent_and_the_choice() {
    let (room, parent) = room(5, "").await;
    let first = room.intake.reissue(&room.admin, parent, read(READ), "key-1").await.expect("accepted");
    // What was accepted once stays accepted, whatever became of the items.
    room.ledger.state().again = Preview::default();
    let again = room.intake.reissue(&room.admin, parent, read(READ), "key-1").await.expect("a repetition");
    assert_eq!(again, Submitted { task: first.task, repeated: true });
    let failed = format!(r#"{READ},"items":["failed"]"#);
    for (of, members) in [(parent, failed.as_str()), (first.task, READ)] {
        let problem = room.intake.reissue(&room.admin, of, read(members), "key-1").await.expect_err("another one");
        assert_eq!((problem.kind, problem.code), (ProblemKind::Conflict, "idempotency.mismatch"));
    }
    let problem = room.intake.reissue(&room.admin, parent, read(READ), "").await.expect_err("no key");
    assert_eq!(problem.code, "idempotency.missing");
    let problem = room.intake.reissue(&room.admin, parent, read(READ), "first").await.expect_err("a request's key");
    assert_eq!(problem.code, "idempotency.mismatch");
}

#[tokio::test]
async fn only_whoever_controls_the_parent_takes_it_up_again() {
    let (room, parent) = room(5, "").await;
    let district = room.admin.district;
    let operator = room.intake.reissue(&actor(district, Role::Operator), parent, read(READ), "k").await;
    assert_eq!(operator.expect_err("forbidden").code, "role.may_not_reset");
    let stranger = Actor { name: "other".into(), ..actor(district, Role::Application) };
    let theirs = room.intake.reissue(&stranger, parent, read(READ), "k").await.expect_err("not theirs");
    assert_eq!(theirs.kind, ProblemKind::NotFound);
    let unknown = room.intake.reissue(&room.admin, TaskId::fresh(), read(READ), "k").await.expect_err("no task");
    assert_eq!(unknown.kind, ProblemKind::NotFound);
    let owner = Actor { name: room.admin.name.clone(), ..actor(district, Role::Application) };
    room.intake.reissue(&owner, parent, read(READ), "k").await.expect("its own");
}

#[test]
fn a_null_password_is_as_it_was() {
    let null = Reissuing::parse(br#"{"password":null}"#).expect("read");
    assert!(null.password.is_none());
}

#[test]
fn a_reissue_is_read_as_strictly_as_a_request() {
    for (text, code, field) in [
        ("", "body.invalid", None),
        ("[]", "body.invalid", None),
        (r#"{"selection":{"scope":"all"}}"#, "field.unknown", Some("selection")),
        (r#"{"accounts":null}"#, "field.invalid", Some("accounts")),
        (r#"{"items":null}"#, "field.invalid", Some("items")),
        (r#"{"items":["gone"]}"#, "field.invalid", Some("items[0]")),
        (r#"{"password":{"source":"shared","Otter":"Otter-lamp-47"}}"#, "field.unknown", Some("password.Otter")),
        (r#"{"password":["shared","Otter-lamp-47"]}"#, "field.invalid", Some("password")),
        (r#"{"notify":"Otter-lamp-47"}"#, "field.invalid", Some("notify")),
        (r#"{"expires_in_hours":"Otter-lamp-47"}"#, "field.invalid", Some("expires_in_hours")),
        (r#"{"items":["failed"],"items":[]}"#, "json.duplicate_key", Some("items")),
    ] {
        let problem = Reissuing::parse(text.as_bytes()).expect_err(text);
        assert_eq!((problem.code, problem.field.as_deref()), (code, field), "{text}: {problem}");
        assert!(!problem.detail.contains("Otter"), "a value came back: {problem}");
    }
}

#[tokio::test]
async fn a_reissue_begins_when_it_says_and_not_when_the_earlier_task_did() {
    let at = |ahead: i64| keybell_shared::clock::Millis(keybell_shared::clock::wall().0 + ahead * 3_600_000).rfc3339();
    let more = format!(r#","start":{{"at":"{}"}},"waves":{{"by":"school","canary":5}}"#, at(5));
    let (room, parent) = room(5, &more).await;
    room.intake.reissue(&room.admin, parent, read(READ), "now").await.expect("accepted");
    let now = newest(&room).request;
    assert_eq!((now.start, now.waves), (None, None));
    let (start, waves) = (format!(r#""start":{{"at":"{}"}}"#, at(9)), r#""waves":{"by":"grade"}"#);
    room.intake
        .reissue(&room.admin, parent, read(&format!("{READ},{start},{waves}")), "later")
        .await
        .expect("accepted");
    let later = newest(&room).request;
    assert_eq!(later.start.map(|start| start.at), Some(at(9)));
    assert!(later.waves.is_some());
    for (members, code) in [
        (format!(r#"{READ},"start":{{"at":"{}"}}"#, at(-1)), "start.past"),
        (format!(r#"{READ},"waves":{{"by":"grade","canary":10001}}"#), "waves.canary_too_large"),
    ] {
        let refused = room.intake.reissue(&room.admin, parent, read(&members), "k").await.expect_err("refused");
        assert_eq!(refused.code, code);
    }
}
