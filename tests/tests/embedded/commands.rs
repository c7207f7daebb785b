//! Keys and tasks on the command line.

use keybell_tests::program::Program;
use serde_json::Value;

use crate::school::{School, number, pupils, text};

fn first_with<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let entries = list.get("keys").and_then(Value::as_array).unwrap_or_else(|| panic!("no list: {list}"));
    entries.iter().find(|entry| text(entry, field) == value).unwrap_or_else(|| panic!("no {value}: {list}"))
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let school = School::with(&pupils(1)).await;
    let kept = school.key("kept", "district_admin").await;
    let lost = school.key("lost", "application").await;
    let keys: Value = school.program(["apikey", "list"]).json().await;
    assert!(!keys.to_string().contains(&kept) && !keys.to_string().contains("secret"), "{keys}");
    let id = text(first_with(&keys, "/name", "lost"), "/id").to_owned();
    assert_eq!(text(first_with(&keys, "/name", "lost"), "/role"), "application");

    let revoke = || school.program(["apikey", "revoke", &id]);
    let (running, caller) = school.serve(&kept).await;
    assert_eq!(caller.with_key(&lost).get("/v1/tasks").await.status, 200);
    assert!(revoke().run_to(69).await.stderr.contains("in use"));
    running.terminate();
    running.wait(keybell_tests::program::PATIENCE).await.with_code(0);

    assert!(revoke().run_to(0).await.stdout.contains(&id));
    let again = revoke().run_to(4).await;
    assert!(again.stderr.contains("no such key"), "{}", again.stderr);
    let keys: Value = school.program(["apikey", "list"]).json().await;
    assert!(first_with(&keys, "/name", "lost").pointer("/revoked_at").is_some_and(|at| !at.is_null()), "{keys}");
    let (_running, caller) = school.serve(&kept).await;
    assert_eq!(caller.get("/v1/tasks").await.status, 200);
    assert_eq!(caller.with_key(&lost).get("/v1/tasks").await.with_status(401).text("/code"), "key.invalid");
}

#[tokio::test]
async fn keys_that_make_no_sense_are_not_made() {
    let school = School::with(&pupils(1)).await;
    let create = |role: &str| school.program(["apikey", "create", "--name", "x", "--role"]).arg(role);
    assert!(create("teacher").run_to(2).await.stderr.contains("--person"));
    assert!(create("teacher").args(["--person", "ghost"]).run_to(2).await.stderr.contains("person"));
    assert!(create("emperor").run_to(2).await.stderr.contains("emperor"));
    let keys: Value = school.program(["apikey", "list"]).json().await;
    assert_eq!(keys, serde_json::json!({"keys": []}));
    // Tasks belong to names, so no two valid keys share one.
    school.key("x", "operator").await;
    assert!(create("operator").run_to(1).await.stderr.contains("another valid key has this name"));
}

#[tokio::test]
async fn tasks_are_listed_shown_and_controlled() {
    let school = School::with(&pupils(4)).await;
    let reset = |key: &str| {
        let arguments = ["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", "2026-11", "--key"];
        school.program(arguments).arg(key)
    };
    let done: Value = reset("first").json().await;
    let task = text(&done, "/task/id").to_owned();
    // The same key again starts nothing.
    let repeated = reset("first").run_to(0).await;
    assert!(repeated.stderr.contains(&task) && repeated.stderr.contains("started it before"), "{}", repeated.stderr);
    assert_eq!(school.outbox().len(), 4);

    let tasks: Value = school.program(["task", "list"]).json().await;
    assert_eq!(text(&tasks, "/tasks/0/id"), task);
    assert_eq!(tasks.pointer("/tasks").and_then(Value::as_array).map(Vec::len), Some(1));
    let shown: Value = school.program(["task", "show", &task, "--items", "notified"]).json().await;
    assert_eq!(text(&shown, "/task/state"), "completed", "{shown}");
    assert_eq!(number(&shown, "/codes/0/accounts"), 4);
    assert_eq!(shown.pointer("/items").and_then(Value::as_array).map(Vec::len), Some(4));
    let table = school.program(["task", "show", &task]).run_to(0).await.stdout;
    assert!(table.contains("N00") && table.contains("accepted for delivery"), "{table}");
    let watched: Value = school.program(["task", "watch", &task]).json().await;
    assert_eq!(text(&watched, "/state"), "completed");

    // Controlling a task that has ended changes nothing and says so.
    let state = |program: Program| async move { program.args(["--output", "json"]).run().await };
    for action in ["pause", "resume", "cancel"] {
        let ended = state(school.program(["task", action, &task])).await;
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains("completed"), "{action}: {told}");
    }
    let stranger = school.program(["task", "show", "0198f2f0-0000-7000-8000-000000000000"]).run_to(4).await;
    assert!(stranger.stderr.contains("no such task"), "{}", stranger.stderr);
    school.program(["task", "show", "nonsense"]).run_to(2).await;
}

#[tokio::test]
async fn a_task_is_paused_and_cancelled_between_two_runs() {
    // More than a stopping process has in hand and finishes.
    const PEOPLE: usize = 1_000;
    let school = School::with(&pupils(PEOPLE)).await;
    let running =
        school.program(["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", "2026-11"]).start();
    let watch = keybell_shared::clock::Stopwatch::start();
    while school.outbox().len() < 20 {
        assert!(watch.elapsed() < keybell_tests::program::PATIENCE, "{}", running.stderr());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running.terminate();
    running.wait(keybell_tests::program::PATIENCE).await.with_code(1);
    let tasks: Value = school.program(["task", "list"]).json().await;
    let task = text(&tasks, "/tasks/0/id").to_owned();
    let paused: Value = school.program(["task", "pause", &task]).json().await;
    assert_eq!(text(&paused, "/state"), "paused");
    let resumed: Value = school.program(["task", "resume", &task]).json().await;
    assert_eq!(text(&resumed, "/state"), "running");
    let cancelled: Value = school.program(["task", "cancel", &task]).json().await;
    assert!(["cancelling", "cancelled"].contains(&text(&cancelled, "/state")), "{cancelled}");
    // Whose password was changed before is still told.
    let last: Value = school.program(["task", "watch", &task]).json().await;
    assert_eq!(text(&last, "/state"), "cancelled", "{last}");
    let (told, left) = (number(&last, "/progress/notify/notified"), number(&last, "/progress/reset/cancelled"));
    assert!(told >= 20 && left > 0 && told + left == i64::try_from(PEOPLE).expect("a number"), "{last}");
    assert_eq!(i64::try_from(school.outbox().len()).expect("a number"), told);
}
