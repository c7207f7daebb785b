//! Each bad request: its code and its field. And what becomes of good ones.

use std::sync::Arc;

use keybell_shared::actor::Role;
use keybell_shared::clock::{Millis, wall};
use keybell_shared::codes::Code;
use keybell_shared::ids::AccountId;
use keybell_shared::problem::ProblemKind;
use keybell_shared::request::{MAX_NAMED, PasswordSource};
use keybell_shared::seal::{Binding, OpenKey, fresh_pair};
use keybell_shared::states::TaskState;
use secrecy::ExposeSecret;

use super::*;
use crate::testing::{FakeLedger, actor};

const SECRET: &str = "Otter-lamp-47";

struct Room {
    ledger: Arc<FakeLedger>,
    intake: Intake,
    admin: Actor,
    key: OpenKey,
}

/// A district with so many eligible accounts.
fn room(accounts: u64) -> Room {
    let ledger = Arc::new(FakeLedger::new(accounts));
    let (key, seal) = fresh_pair();
    let shared: Arc<FakeLedger> = Arc::clone(&ledger);
    let intake = Intake::new(shared, Some(Arc::new(seal)));
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    Room { ledger, intake, admin, key }
}

/// A request: a selection's members and further members, as JSON.
fn request(selection: &str, more: &str) -> ResetRequest {
    let text = format!(r#"{{"selection":{{{selection}}},"reason":"lost","acknowledgement":"2026-11"{more}}}"#);
    json::parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn shared(more: &str) -> String {
    format!(r#","password":{{"source":"shared","value":"{SECRET}"{more}}}"#)
}

const ALL: &str = r#""scope":"all""#;

/// Submits and previews; both must refuse in the same way.
async fn refused(room: &Room, request: ResetRequest) -> Problem {
    let preview = room.intake.preview(&room.admin, &request).await.expect_err("the preview refuses");
    let submitted = room.intake.submit(&room.admin, request, "key-1").await.expect_err("refused");
    assert_eq!(preview, submitted);
    assert!(room.ledger.state().tasks.is_empty(), "a refused request changes nothing");
    assert!(!format!("{submitted:?}").contains("tter-lamp"), "no password comes back: {submitted:?}");
    submitted
}

/// Selection, further members, the code, the field.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (r#""scope":"selected""#, "", "selection.empty", "selection.accounts"),
    (r#""scope":"all_except","accounts":[]"#, "", "selection.empty", "selection.accounts"),
    (r#""scope":"all","accounts":["a1"]"#, "", "selection.unexpected_accounts", "selection.accounts"),
    (r#""scope":"without_role","accounts":["a1"]"#, "", "selection.unexpected_accounts", "selection.accounts"),
    (
        r#""scope":"selected","accounts":["a1"],"where":{"grades":["01"]}"#,
        "",
        "selection.unexpected_where",
        "selection.where",
    ),
    (r#""scope":"selected","accounts":["a1"," "]"#, "", "selection.blank_entry", "selection.accounts[1]"),
    (r#""scope":"all","where":{"schools":[""]}"#, "", "selection.blank_entry", "selection.where.schools[0]"),
    (r#""scope":"all","where":{"user_types":["\u0007"]}"#, "", "selection.bad_entry", "selection.where.user_types[0]"),
    (
        r#""scope":"all","where":{"family_name_prefix":["mu"," "]}"#,
        "",
        "selection.blank_entry",
        "selection.where.family_name_prefix[1]",
    ),
    // A lone accent folds to nothing, and everybody's name begins with nothing.
    (
        r#""scope":"all","where":{"family_name_prefix":["\u0301"]}"#,
        "",
        "selection.blank_entry",
        "selection.where.family_name_prefix[0]",
    ),
    (r#""scope":"all","where":{"groups":[""]}"#, "", "selection.blank_entry", "selection.where.groups[0]"),
    (
        r#""scope":"selected","accounts":["a1"],"where":{"graduation_years":[2030]}"#,
        "",
        "selection.unexpected_where",
        "selection.where",
    ),
    (ALL, r#","expires_in_hours":0"#, "password.expiry_out_of_range", "expires_in_hours"),
    (ALL, r#","expires_in_hours":8761"#, "password.expiry_out_of_range", "expires_in_hours"),
    (ALL, r#","expires_in_hours":24,"temporary":false"#, "password.expiry_without_temporary", "expires_in_hours"),
    (ALL, r#","notify":"never""#, "notify.nobody_would_know", "notify"),
    (ALL, r#","password":{"source":"shared","value":" "},"notify":"never""#, "notify.nobody_would_know", "notify"),
    (ALL, r#","permanent_grades":["KG"],"temporary":false"#, "password.grades_without_temporary", "permanent_grades"),
    (ALL, r#","permanent_grades":["KG"," "]"#, "selection.blank_entry", "permanent_grades[1]"),
    (ALL, r#","mode":"request","notify":"never""#, "notify.link_is_sent", "notify"),
    (ALL, r#","mode":"force_then_request","notify":"never""#, "notify.link_is_sent", "notify"),
    (ALL, r#","delivery":"link","notify":"never""#, "notify.link_is_sent", "notify"),
    (
        ALL,
        r#","mode":"request","password":{"source":"shared","value":"Otter-lamp-47"}"#,
        "mode.sets_no_password",
        "password",
    ),
    (
        ALL,
        r#","mode":"request","password":{"source":"generated","format":"phrase3"}"#,
        "mode.sets_no_password",
        "password",
    ),
    (ALL, r#","mode":"request","temporary":true"#, "mode.nothing_temporary", "temporary"),
    (ALL, r#","mode":"request","permanent_grades":["KG"]"#, "mode.nothing_temporary", "permanent_grades"),
    (ALL, r#","mode":"request","expires_in_hours":5"#, "mode.nothing_expires", "expires_in_hours"),
    (ALL, r#","mode":"request""#, "links.no_url", "mode"),
    (ALL, r#","mode":"force_then_request""#, "links.no_url", "mode"),
    (ALL, r#","delivery":"link""#, "links.no_url", "delivery"),
    (
        ALL,
        r#","unreachable":"skip","password":{"source":"shared","value":"Otter-lamp-47"}"#,
        "unreachable.nobody_is_told",
        "unreachable",
    ),
    (
        ALL,
        r#","unreachable":"skip","notify":"never","password":{"source":"shared","value":"Otter-lamp-47"}"#,
        "unreachable.nobody_is_told",
        "unreachable",
    ),
    (ALL, r#","password":{"source":"shared","value":"Ott3r"}"#, "password.too_short", "password.value"),
    (ALL, r#","password":{"source":"shared","value":"otter-lamp-47"}"#, "password.no_capital", "password.value"),
    (ALL, r#","password":{"source":"shared","value":"Password123"}"#, "password.common", "password.value"),
    (ALL, r#","password":{"source":"shared","value":"9Larkspur9a"}"#, "password.personal", "password.value"),
    (ALL, r#","password":{"source":"shared","value":"Oak-elm-bay-7"}"#, "password.personal", "password.value"),
    (
        r#""scope":"selected","accounts":["a1","a2","a3"]"#,
        r#","password":{"source":"shared","value":"Otter-xxA3-47"},"policy":"nist15""#,
        "password.too_short",
        "password.value",
    ),
    (
        ALL,
        r#","password":{"source":"shared","value":"invierno2026"},"policy":"nist8""#,
        "password.common",
        "password.value",
    ),
];

#[tokio::test]
async fn every_wrong_request_has_its_code_and_its_field() {
    let room = room(5);
    for (selection, more, code, field) in WRONG {
        let problem = refused(&room, request(selection, more)).await;
        assert_eq!((problem.code, problem.field.as_deref()), (*code, Some(*field)), "{selection} {more}");
        assert_eq!(problem.kind, ProblemKind::Invalid);
    }
    let mut newer = request(ALL, "");
    newer.version = 2;
    assert_eq!(refused(&room, newer).await.code, "version.unsupported");
}

#[tokio::test]
async fn links_are_sent_for_districts_whose_links_lead_somewhere() {
    let room = room(5);
    let url = "https://keybell.example.org/claim/{token}".to_owned();
    let own = Links { url: String::new(), districts: [("somewhere-else".to_owned(), url.clone())].into() };
    let elsewhere = room.intake.clone().linking(own);
    for (key, more) in
        [("k-1", r#","mode":"request""#), ("k-2", r#","mode":"force_then_request""#), ("k-3", r#","delivery":"link""#)]
    {
        let refused = elsewhere.submit(&room.admin, request(ALL, more), key).await.expect_err("refused");
        assert_eq!(refused.code, "links.no_url", "{more}");
        assert!(refused.detail.contains("`links.url`"), "it says what to set: {refused}");
        let intake = room.intake.clone().linking(Links { url: url.clone(), ..Links::default() });
        intake.submit(&room.admin, request(ALL, more), key).await.expect("accepted");
    }
    let forced = room.intake.submit(&room.admin, request(ALL, ""), "k-4").await;
    assert!(forced.is_ok(), "nothing else needs the URL");
}

#[tokio::test]
async fn a_widely_shared_password_needs_its_acknowledgement_and_expires_soon() {
    let acknowledged = shared(r#","acknowledged":true"#);
    let room = room(26);
    let problem = refused(&room, request(ALL, &shared(""))).await;
    assert_eq!(problem.code, "password.shared_unacknowledged");
    assert!(problem.detail.starts_with("26 accounts"), "{problem}");
    for (more, code) in [
        (r#","temporary":false"#, "password.shared_must_be_temporary"),
        (r#","expires_in_hours":25"#, "password.shared_expiry_too_long"),
    ] {
        assert_eq!(refused(&room, request(ALL, &format!("{acknowledged}{more}"))).await.code, code);
    }
    room.intake.submit(&room.admin, request(ALL, &acknowledged), "key-1").await.expect("accepted");
    assert_eq!(room.ledger.state().tasks[0].new.request.expires_in_hours, Some(24), "the default is filled in");
}

#[tokio::test]
async fn a_narrowly_shared_password_is_free_and_sealed_to_the_workers() {
    let room = room(25);
    let permanent = request(ALL, &format!(r#"{},"temporary":false"#, shared("")));
    let task = room.intake.submit(&room.admin, permanent, "key-1").await.expect("accepted").task;
    let state = room.ledger.state();
    let new = &state.tasks[0].new;
    assert!(matches!(&new.request.password, PasswordSource::Shared { value: None, .. }), "taken out of the request");
    assert!(!serde_json::to_string(&new.request).unwrap().contains(SECRET));
    let sealed = new.shared.as_ref().expect("sealed");
    let binding = Binding::Task(room.admin.district, task);
    assert_eq!(room.key.open(sealed, binding).expect("bound to the task").expose_secret(), SECRET);
    let other = Binding::Task(room.admin.district, TaskId::fresh());
    assert!(room.key.open(sealed, other).is_err());
}

#[tokio::test]
async fn without_the_workers_key_a_shared_password_is_refused() {
    let room = room(5);
    let ledger: Arc<FakeLedger> = Arc::clone(&room.ledger);
    let intake = Intake::new(ledger, None);
    let problem = intake.submit(&room.admin, request(ALL, &shared("")), "key-1").await.expect_err("refused");
    assert_eq!((problem.kind, problem.code), (ProblemKind::Unavailable, "keys.reset_missing"));
    intake.submit(&room.admin, request(ALL, ""), "key-1").await.expect("generated passwords need no key here");
}

#[tokio::test]
async fn all_unknown_names_are_listed_and_doubles_are_collapsed() {
    let room = room(3);
    let problem = refused(&room, request(r#""scope":"selected","accounts":["x","a1","y","x"]"#, "")).await;
    assert_eq!((problem.code, problem.entries), ("selection.unknown_accounts", vec!["x".to_owned(), "y".to_owned()]));

    room.ledger.state().unknown_names = vec![("schools", "Nowhere".into()), ("grades", "99".into())];
    let narrowed = request(r#""scope":"all","where":{"schools":["Nowhere"],"grades":["99"]}"#, "");
    let problem = refused(&room, narrowed).await;
    assert_eq!(problem.code, "selection.unknown_names");
    assert_eq!(problem.entries, ["schools: Nowhere", "grades: 99"]);

    let doubled = request(r#""scope":"selected","accounts":["a1","a2","a1"]"#, "");
    room.intake.submit(&room.admin, doubled, "key-1").await.expect("accepted");
    let state = room.ledger.state();
    assert_eq!(state.tasks[0].new.request.selection.accounts, ["a1", "a2"]);
    let mut named: Vec<AccountId> = state.tasks[0].new.named.clone();
    let mut expected = vec![state.names["a1"], state.names["a2"]];
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[tokio::test]
async fn too_many_names_are_refused() {
    let room = room(3);
    let mut many = request(r#""scope":"selected","accounts":["a1"]"#, "");
    many.selection.accounts = vec!["a1".into(); MAX_NAMED + 1];
    let problem = refused(&room, many).await;
    assert_eq!((problem.kind, problem.code), (ProblemKind::TooLarge, "selection.too_many"));
    let mut long = request(r#""scope":"selected","accounts":["a1"]"#, "");
    long.selection.accounts.push("x".repeat(256));
    assert_eq!(refused(&room, long).await.code, "selection.bad_entry");
}

#[tokio::test]
async fn a_selection_that_means_nobody_is_refused_but_one_that_is_all_skipped_is_shown() {
    let room = room(0);
    room.ledger.state().preview.skipped = vec![(Code::S03, 0)];
    assert_eq!(refused(&room, request(ALL, "")).await.code, "selection.nobody");
    room.ledger.state().preview.skipped = vec![(Code::S03, 2)];
    let preview = room.intake.preview(&room.admin, &request(ALL, "")).await.expect("a preview");
    assert_eq!(preview.skipped, [(Code::S03, 2)]);
    room.intake.submit(&room.admin, request(ALL, ""), "key-1").await.expect("accepted, and every item says why");
}

#[tokio::test]
async fn a_preview_needs_no_acknowledgement() {
    let room = room(3);
    for (version, code) in [(None, "acknowledgement.missing"), (Some("2020-01"), "acknowledgement.outdated")] {
        let request = ResetRequest { acknowledgement: version.map(str::to_owned), ..request(ALL, "") };
        assert_eq!(room.intake.preview(&room.admin, &request).await.expect("a preview").eligible, 3);
        let problem = room.intake.submit(&room.admin, request, "key-1").await.expect_err("refused");
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some("acknowledgement")));
    }
    assert!(room.ledger.state().tasks.is_empty());
}

#[tokio::test]
async fn roles_that_may_not_reset_are_refused_first() {
    let room = room(3);
    for (role, code) in [
        (Role::Operator, "role.may_not_reset"),
        (Role::Teacher, "role.needs_person"),
        (Role::Principal, "role.needs_person"),
    ] {
        let caller = actor(room.admin.district, role);
        let problem = room.intake.submit(&caller, request(ALL, ""), "").await.expect_err("refused");
        assert_eq!((problem.kind, problem.code), (ProblemKind::Forbidden, code));
        assert_eq!(room.intake.preview(&caller, &request(ALL, "")).await.expect_err("refused").code, code);
    }
    let teacher = Actor { person: Some(AccountId::fresh()), ..actor(room.admin.district, Role::Teacher) };
    room.intake.submit(&teacher, request(ALL, ""), "key-1").await.expect("accepted");
}

#[tokio::test]
async fn only_district_administrators_confirm_what_is_left_out_otherwise() {
    let room = room(3);
    for confirm in [r#","confirm":{"requester":true}"#, r#","confirm":{"protected":true}"#] {
        for role in [Role::Principal, Role::Teacher, Role::Application] {
            let caller = Actor { person: Some(AccountId::fresh()), ..actor(room.admin.district, role) };
            let problem = room.intake.submit(&caller, request(ALL, confirm), "key-1").await.expect_err("refused");
            assert_eq!((problem.kind, problem.code), (ProblemKind::Forbidden, "confirm.not_permitted"), "{role}");
            assert_eq!(problem.field.as_deref(), Some("confirm"));
            assert_eq!(
                room.intake.preview(&caller, &request(ALL, confirm)).await.expect_err("refused").code,
                problem.code
            );
            // What confirms nothing needs nobody's leave.
            let nothing = request(ALL, r#","confirm":{"requester":false,"protected":false}"#);
            room.intake.preview(&caller, &nothing).await.expect("a preview");
        }
        room.intake.submit(&room.admin, request(ALL, confirm), confirm).await.expect("accepted");
    }
    let state = room.ledger.state();
    assert!(state.tasks[0].new.request.confirm.requester && !state.tasks[0].new.request.confirm.protected);
    assert!(state.tasks[1].new.request.confirm.protected && !state.tasks[1].new.request.confirm.requester);
}

#[tokio::test]
async fn keys_that_cannot_be_told_apart_are_refused() {
    let room = room(3);
    let long = "k".repeat(MAX_KEY + 1);
    for (key, code) in [
        ("", "idempotency.missing"),
        ("  ", "idempotency.missing"),
        (long.as_str(), "idempotency.malformed"),
        ("schlüssel", "idempotency.malformed"),
        ("a\tb", "idempotency.malformed"),
        ("a\0b", "idempotency.malformed"),
    ] {
        let problem = room.intake.submit(&room.admin, request(ALL, ""), key).await.expect_err(key);
        assert_eq!((problem.kind, problem.code), (ProblemKind::Malformed, code), "{key:?}");
    }
}

#[tokio::test]
async fn a_repetition_is_the_same_task_and_another_request_under_the_key_a_conflict() {
    let room = room(3);
    let first = room.intake.submit(&room.admin, request(ALL, ""), "key-1").await.expect("accepted");
    assert!(!first.repeated);
    let again = room.intake.submit(&room.admin, request(ALL, ""), "key-1").await.expect("accepted");
    assert_eq!(again, Submitted { task: first.task, repeated: true });
    let problem = room.intake.submit(&room.admin, request(ALL, r#","notify":"always""#), "key-1").await;
    let problem = problem.expect_err("another request");
    assert_eq!((problem.kind, problem.code), (ProblemKind::Conflict, "idempotency.mismatch"));
    // Another key holder's keys are their own.
    let other = actor(room.admin.district, Role::DistrictAdmin);
    assert!(!room.intake.submit(&other, request(ALL, ""), "key-1").await.expect("accepted").repeated);
}

#[tokio::test]
async fn an_accepted_request_nudges_the_expansion_and_an_absent_ledger_says_later() {
    let room = room(3);
    let wake = Wake::default();
    let intake = room.intake.clone().waking(wake.clone());
    intake.submit(&room.admin, request(ALL, ""), "key-1").await.expect("accepted");
    wake.woken().await;
    assert_eq!(room.ledger.state().tasks[0].state, TaskState::Expanding);
    room.ledger.state().away = true;
    let problem = intake.submit(&room.admin, request(ALL, ""), "key-2").await.expect_err("away");
    assert_eq!(problem.kind, ProblemKind::Unavailable);
}

#[tokio::test]
async fn a_start_is_an_instant_that_lies_ahead_by_no_more_than_a_year() {
    let room = room(3);
    let start = |members: &str| request(ALL, &format!(r#","start":{{{members}}}"#));
    let at = |ahead: i64| Millis(wall().0 + ahead * 60_000).rfc3339();
    for (members, code, field) in [
        (format!(r#""at":"{}""#, at(-60)), "start.past", "start.at"),
        (format!(r#""at":"{}""#, at(367 * 24 * 60)), "start.too_far", "start.at"),
        (r#""at":"2030-01-01T05:00:00","zone":"America/Chicago""#.to_owned(), "start.no_instant", "start.at"),
        (format!(r#""at":"{}","zone":"a\tb""#, at(60)), "start.zone", "start.zone"),
    ] {
        let problem = refused(&room, start(&members)).await;
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{members}");
    }
    // Whoever typed it was slower than the clock.
    for (key, ahead) in [("late", -2), ("ahead", 60)] {
        let accepted = room.intake.submit(&room.admin, start(&format!(r#""at":"{}""#, at(ahead))), key).await;
        assert!(accepted.is_ok(), "{accepted:?}");
    }
}
