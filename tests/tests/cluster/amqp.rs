//! The AMQP door, used by a client that is not ours (pika).

mod documents;
mod examples;
mod permissions;

use std::process::Stdio;

use keybell_tests::fleet::{Person, SCHEDULER, World};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{checks, python, script, until};

/// Publishes messages and waits for the broker's confirms.
async fn publish(world: &World, messages: &[Value]) {
    let mut process = Command::new(python())
        .arg(script("publish.py"))
        .args([world.broker.url(), &world.broker.name("requests")])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut lines: Vec<u8> = Vec::new();
    for message in messages {
        lines.extend_from_slice(format!("{message}\n").as_bytes());
    }
    let mut stdin = process.stdin.take().expect("piped");
    stdin.write_all(&lines).await.expect("written");
    drop(stdin);
    let ended = process.wait_with_output().await.expect("it ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

fn message(id: Option<&str>, body: &str) -> Value {
    json!({"message_id": id, "user_id": "guest", "body": body})
}

fn reset_of(username: &str) -> String {
    json!({
        "selection": {"scope": "selected", "accounts": [username]},
        "password": {"source": "generated", "format": "phrase3"},
        "reason": "lost", "acknowledgement": "2026-11"
    })
    .to_string()
}

async fn tasks(world: &World) -> i64 {
    world.sql().number("SELECT count(*) FROM tasks").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_nobody_is_dropped_with_one_clear_line() {
    let world = World::new().await;
    world.import(&Person::pupils(1)).await;
    let mut scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;
    let nobody = json!({"message_id": "r-1", "body": reset_of("p1")});
    publish(&world, &[message(Some("r-1"), &reset_of("p1")), nobody]).await;
    let line = scheduler.line_with("origin.unknown").await;
    assert!(line.contains("keybell producer allow") && line.contains("guest"), "{line}");
    until("both are taken", || async { waiting(&world, "requests").await == 0 }).await;
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
    // What the process had in hand would be there again.
    assert_eq!(waiting(&world, "requests").await, 0);
    assert_eq!(waiting(&world, "dead").await, 0, "the dead letters are those of the work");
    assert_eq!(tasks(&world).await, 0);
    assert_eq!(world.sql().number("SELECT count(*) FROM events").await, 0, "nobody is told about nobody's request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_taken_once_and_a_bad_one_is_refused_aloud() {
    let world = World::new().await;
    world.import(&Person::pupils(3)).await;
    let _allowed = world.program(["producer", "allow", "guest"]).run_to(0).await;
    let fleet = world.fleet().await;
    until("the door is open", || async { is_open(&world).await }).await;
    let mut events = world.broker.listen().await;

    let request = reset_of("p1");
    publish(&world, &[message(Some("r-1"), &request), message(Some("r-1"), &request)]).await;
    publish(&world, &[message(Some("r-1"), &request)]).await;
    let accepted = events.event("request.accepted", "\"repeated\":false").await;
    let task = accepted.pointer("/body/task").and_then(Value::as_str).expect("a task").parse().expect("a task's id");
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(ended["requester"], "amqp:guest");
    let completed = events.event("task.completed", &task.to_string()).await;
    assert_eq!(completed.pointer("/kind").and_then(Value::as_str), Some("task.completed"), "{completed}");
    let _changed = events.event("account.credential_reset", &task.to_string()).await;
    until("all three are answered", || async {
        world.sql().number("SELECT count(*) FROM events WHERE kind = 'request.accepted' AND sent").await == 3
    })
    .await;

    for (id, body, code) in wrong() {
        publish(&world, &[message(id, &body)]).await;
        let event = events.event("request.refused", code).await;
        assert_eq!(event.pointer("/body/message_id").and_then(Value::as_str), Some(id.unwrap_or_default()), "{event}");
        assert!(!event.to_string().contains("Sommer"), "the refusal repeats the password");
    }
    assert_eq!(tasks(&world).await, 1);
    assert_eq!(events.heard().iter().filter(|(key, _)| key.ends_with(".task.accepted")).count(), 1);
    for (delivery, (key, event)) in events.deliveries().iter().zip(events.heard()) {
        let text = |word: &Option<_>| word.as_ref().map(ToString::to_string);
        assert_eq!(text(delivery.properties.message_id()), Some(event["id"].to_string()));
        assert!(delivery.properties.timestamp().is_some());
        if key.contains(".request.") {
            assert!(key.rsplit('.').next() == Some("guest"), "{key}");
            let asked = event["body"]["message_id"].as_str().filter(|id| !id.is_empty());
            assert_eq!(text(delivery.properties.correlation_id()).as_deref(), asked);
        }
    }
    checks::settled(&world, fleet, &[task]).await;
    checks::changed_at_most(&world, 1).await;
}

/// Requests that are refused, and why.
fn wrong() -> [(Option<&'static str>, String, &'static str); 5] {
    let shared = json!({
        "selection": {"scope": "selected", "accounts": ["p2"]},
        "password": {"source": "shared", "value": "Sommer-Regen-Bogen-77"},
        "reason": "lost", "acknowledgement": "2026-11"
    });
    [
        (Some("r-2"), "{not json".to_owned(), "json.malformed"),
        (None, reset_of("p2"), "idempotency.missing"),
        (Some("r-3"), shared.to_string(), "password.not_over_amqp"),
        (Some("r-1"), reset_of("p2"), "idempotency.mismatch"),
        (Some("r-4"), reset_of("nobody"), "selection.unknown_accounts"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_has_the_quota_that_the_command_line_gives() {
    let world = World::new().await;
    world.import(&Person::pupils(3)).await;
    let quota = ["producer", "allow", "guest", "--requests-per-hour", "1", "--accounts-per-request", "2"];
    let _allowed = world.program(quota).run_to(0).await;
    let scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;
    let mut events = world.broker.listen().await;

    let everybody = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11"}).to_string();
    publish(&world, &[message(Some("r-1"), &everybody)]).await;
    let refused = events.event("request.refused", "quota.accounts").await;
    assert_eq!(refused["body"]["field"], "selection", "{refused}");
    publish(&world, &[message(Some("r-2"), &reset_of("p1")), message(Some("r-3"), &reset_of("p2"))]).await;
    let _accepted = events.event("request.accepted", "r-2").await;
    let _refused = events.event("request.refused", "quota.requests").await;
    let listed: Value = world.program(["producer", "list"]).json().await;
    assert_eq!(listed[0]["name"], "guest", "{listed}");
    assert_eq!(
        (&listed[0]["requests_per_hour"], &listed[0]["accounts_per_request"], &listed[0]["requests_last_hour"]),
        (&json!(1), &json!(2), &json!(1))
    );
    let _raised = world.program(["producer", "allow", "guest", "--requests-per-hour", "2"]).run_to(0).await;
    publish(&world, &[message(Some("r-3"), &reset_of("p2"))]).await;
    let _accepted = events.event("request.accepted", "r-3").await;

    let _forbidden = world.program(["producer", "forbid", "guest"]).run_to(0).await;
    let _nobody = world.program(["producer", "forbid", "guest"]).run_to(1).await;
    publish(&world, &[message(Some("r-4"), &reset_of("p3"))]).await;
    until("it is dropped", || async { waiting(&world, "requests").await == 0 }).await;
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
    assert_eq!(tasks(&world).await, 2);
}

async fn is_open(world: &World) -> bool {
    // The exchange and the queue are declared by whoever connects first.
    world.broker.exists("requests").await
}

async fn waiting(world: &World, queue: &str) -> u32 {
    world.broker.ready().await.into_iter().find(|(name, _)| *name == queue).map(|(_, ready)| ready).unwrap_or_default()
}
