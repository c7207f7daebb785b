//! The whole way by HTTP: asking, following, signing in, choosing another password.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keybell_tests::http::Event;
use keybell_tests::outbox;
use serde_json::{Value, json};

use crate::check;
use crate::school::{Person, School, number, pupils, text, write_roster};

/// Twelve people: eight pupils with an address, one told through a guardian, one whom nobody can reach, one who has
/// left, and the guardian.
fn twelve() -> Vec<Person> {
    let mut people = pupils(8);
    people.push(Person { guardians: "id-gwen".to_owned(), ..Person::pupil("ward").unreachable() });
    people.push(Person::pupil("lonely").unreachable());
    people.push(Person { enabled: false, ..Person::pupil("left") });
    people.push(Person::with_role("gwen", "guardian"));
    people
}

fn generated(accounts: &[&str]) -> Value {
    json!({
        "selection": {"scope": "selected", "accounts": accounts},
        "password": {"source": "generated", "format": "phrase3"},
        "channel": "cascade",
        "reason": "lost", "acknowledgement": "2026-11"
    })
}

const EVERYBODY: [&str; 12] =
    ["pupil1", "pupil2", "pupil3", "pupil4", "pupil5", "pupil6", "pupil7", "pupil8", "ward", "lonely", "left", "gwen"];

#[tokio::test]
async fn from_the_request_to_the_chosen_password() {
    let school = School::with(&twelve()).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;

    // Asked once, whatever is repeated.
    let accepted = caller.start("autumn-1", &generated(&EVERYBODY)).await.with_status(202);
    let task = accepted.task();
    assert_eq!(accepted.text("/state_url"), format!("/v1/tasks/{task}"));
    let again = caller.start("autumn-1", &generated(&EVERYBODY)).await.with_status(202);
    assert_eq!(again.task(), task);
    assert_eq!(
        again.headers.get("idempotent-replayed").map(reqwest::header::HeaderValue::as_bytes),
        Some(&b"true"[..])
    );
    let other = caller.start("autumn-1", &generated(&["pupil1"])).await.with_status(422);
    assert_eq!(other.text("/code"), "idempotency.mismatch");

    // Followed to its end.
    let ended = caller.ended(task).await;
    assert_eq!(text(&ended, "/state"), "completed_with_errors", "{ended}");
    assert_eq!(number(&ended, "/progress/total"), 12);
    assert_eq!(number(&ended, "/progress/reset/reset"), 11);
    assert_eq!(number(&ended, "/progress/reset/skipped"), 1);
    assert_eq!(number(&ended, "/progress/notify/notified"), 10);
    assert_eq!(number(&ended, "/progress/notify/undelivered"), 1);
    let all = caller.get("/v1/tasks").await.with_status(200);
    assert_eq!(all.body.pointer("/tasks").and_then(Value::as_array).map(Vec::len), Some(1), "{}", all.body);
    let mut found = BTreeMap::new();
    for state in ["notified", "undelivered", "skipped", "pending", "reset", "failed"] {
        for item in caller.items(task, Some(state)).await {
            let known = found.insert(text(&item, "/username").to_owned(), (state, text(&item, "/code").to_owned()));
            assert_eq!(known, None, "listed twice: {item}");
        }
    }
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(EVERYBODY));
    assert_eq!(found["lonely"], ("undelivered", "N02".to_owned()));
    assert_eq!(found["left"], ("skipped", "S03".to_owned()));
    assert_eq!(found["ward"], ("notified", "N00".to_owned()));

    // Told, opened, and changed.
    let told = outbox::newest(&school.outbox(), |message| message.username.clone());
    assert_eq!(told.len(), 10);
    assert_eq!(told["ward"].to, "gwen@example.org");
    check::all_open(&caller, told.iter().map(|(who, message)| (who.clone(), message.password.clone()))).await;
    let change = |old: &str, new: &str| json!({"username": "pupil1", "password": old, "new_password": new});
    let old = told["pupil1"].password.as_str();
    let weak = caller.post("/v1/auth/change", &change(old, "short")).await.with_status(422);
    assert_eq!(weak.text("/field"), "new_password");
    caller.post("/v1/auth/change", &change("not-the-old-1X", "Marmot-kite-88")).await.with_status(401);
    let changed = caller.post("/v1/auth/change", &change(old, "Marmot-kite-88")).await.with_status(200);
    assert_eq!(changed.text("/result"), "ok");
    assert_eq!(caller.verify("pupil1", "Marmot-kite-88").await, (200, "ok".to_owned()));
    assert_eq!(caller.verify("pupil1", old).await.0, 401);

    running.terminate();
    running.wait(Duration::from_secs(30)).await.with_code(0);
}

#[tokio::test]
async fn events_lead_to_the_end_and_go_on_where_they_were_left() {
    let school = School::with(&pupils(40)).await;
    let key = school.key("office", "district_admin").await;
    let (_running, caller) = school.serve(&key).await;
    let request = json!({"selection": {"scope": "all"}, "reason": "other", "acknowledgement": "2026-11"});
    let task = caller.start("events-1", &request).await.with_status(202).task();

    let first = caller.events(task, None, |events| events.len() >= 2).await;
    let left_at = first.last().expect("events").id.clone();
    let rest = caller.events(task, Some(&left_at), |_| false).await;
    let last = rest.last().expect("the task was not at its end");
    assert_eq!(last.state(), "completed", "{last:?}");
    assert_eq!(number(&last.data, "/progress/notify/notified"), 40);
    let marks: Vec<(i64, i64)> = first.iter().take(2).chain(&rest).map(mark).collect();
    assert!(marks.is_sorted_by(|one, next| one < next), "an event came twice or late: {marks:?}");
    let told: Vec<i64> = rest.iter().map(|event| number(&event.data, "/progress/notify/notified")).collect();
    assert!(told.is_sorted(), "the progress ran backwards: {told:?}");

    // Who has seen the end is told that nothing is left; who comes late gets the end at once.
    assert!(caller.events(task, Some(&last.id), |_| false).await.is_empty());
    let late = caller.events(task, None, |_| false).await;
    assert_eq!(late.iter().map(Event::state).collect::<Vec<_>>(), ["completed"]);
}

fn mark(event: &Event) -> (i64, i64) {
    let (epoch, version) = event.id.split_once('-').expect("a mark");
    (epoch.parse().expect("an epoch"), version.parse().expect("a version"))
}

#[tokio::test]
async fn a_shared_password_opens_all_of_them_and_is_sent_to_nobody() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let request = json!({
        "selection": {"scope": "selected", "accounts": ["pupil1", "pupil2", "id-pupil3"]},
        "password": {"source": "shared", "value": "Violet-anchor-52"},
        "reason": "new_starters", "acknowledgement": "2026-11"
    });
    let accepted = caller.start("shared-1", &request).await.with_status(202);
    let ended = caller.ended(accepted.task()).await;
    assert_eq!(text(&ended, "/state"), "completed", "{ended}");
    assert_eq!(number(&ended, "/progress/notify/silent"), 3);
    for pupil in ["pupil1", "pupil2", "pupil3"] {
        assert_eq!(caller.verify(pupil, "Violet-anchor-52").await, (200, "must_change".to_owned()), "{pupil}");
    }
    assert!(school.outbox().is_empty(), "somebody was told");
    // Nothing that anybody can read afterwards holds it.
    let shown = caller.get(&format!("/v1/tasks/{}", accepted.task())).await.with_status(200);
    assert!(!format!("{}{}{}", accepted.body, shown.body, running.stderr()).contains("Violet-anchor-52"));

    let weak = json!({
        "selection": {"scope": "all"}, "password": {"source": "shared", "value": "password1"}, "reason": "other", "acknowledgement": "2026-11"
    });
    let refused = caller.start("shared-2", &weak).await.with_status(422);
    assert_eq!(refused.text("/field"), "password.value");
    assert!(!refused.body.to_string().contains("password1"), "{}", refused.body);
}

#[tokio::test]
async fn a_foreign_key_finds_nothing_and_an_operator_only_watches() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("office", "district_admin").await;
    let operator = school.key("screen", "operator").await;
    let roster = school.beside("other-roster");
    write_roster(&roster, "Other Schools", &pupils(2));
    let imported: Value = school.program(["roster", "import", "--district", "other"]).arg(&roster).json().await;
    assert_eq!(number(&imported, "/total/created"), 3, "{imported}");
    // With two districts, one must be named.
    let unnamed = school.program(["apikey", "create", "--name", "x", "--role", "operator"]).run_to(2).await;
    assert!(unnamed.stderr.contains("--district") && unnamed.stderr.contains("other"), "{}", unnamed.stderr);
    let make = ["apikey", "create", "--district", "other", "--name", "office", "--role", "district_admin"];
    let foreign: Value = school.program(make).json().await;

    let (_running, caller) = school.serve(&key).await;
    let task = caller.start("mine", &generated(&["pupil1", "pupil2"])).await.with_status(202).task();
    caller.ended(task).await;
    let stranger = caller.with_key(text(&foreign, "/key"));
    let paths = [format!("/v1/tasks/{task}"), format!("/v1/tasks/{task}/items"), format!("/v1/tasks/{task}/events")];
    for path in &paths {
        assert_eq!(stranger.get(path).await.with_status(404).text("/code"), "not_found", "{path}");
    }
    for action in ["pause", "resume", "cancel"] {
        let answer = stranger.post(&format!("/v1/tasks/{task}/{action}"), &json!({})).await;
        assert_eq!(answer.status, 404, "{action}: {}", answer.body);
    }
    let none = stranger.get("/v1/tasks").await.with_status(200);
    assert_eq!(none.body.pointer("/tasks"), Some(&json!([])));
    // Both districts have a pupil1; each key reaches its own.
    let told = outbox::newest(&school.outbox(), |message| message.username.clone());
    let password = told["pupil1"].password.as_str();
    assert_eq!(caller.verify("pupil1", password).await.0, 200);
    assert_eq!(stranger.verify("pupil1", password).await.0, 401);
    // The same key text names another task there.
    let theirs = stranger.start("mine", &generated(&["pupil1"])).await.with_status(202).task();
    assert_ne!(theirs, task);

    let watcher = caller.with_key(&operator);
    assert_eq!(
        watcher.start("op-1", &generated(&["pupil1"])).await.with_status(403).text("/code"),
        "role.may_not_reset"
    );
    assert_eq!(text(&watcher.get(&paths[0]).await.with_status(200).body, "/state"), "completed");
    assert_eq!(watcher.verify("pupil1", password).await.0, 403);
    assert_eq!(caller.with_key("kb_nonsense").get("/v1/tasks").await.status, 401);
}
