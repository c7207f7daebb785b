//! The AMQP door, used by a client that is not ours (pika).

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
        "reason": "lost"
    })
    .to_string()
}

async fn tasks(world: &World) -> i64 {
    world.sql().number("SELECT count(*) FROM tasks").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_was_not_allowed_starts_nothing() {
    let world = World::new().await;
    world.import(&Person::pupils(1)).await;
    let mut scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;
    let nobody = json!({"message_id": "r-1", "body": reset_of("p1")});
    publish(&world, &[message(Some("r-1"), &reset_of("p1")), nobody]).await;
    // Both end in the dead letters, and only there.
    until("they are dead letters", || async {
        waiting(&world, "dead").await == 2 && waiting(&world, "requests").await == 0
    })
    .await;
    scheduler.line_with("origin.unknown").await;
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
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
    let accepted = events.event("task.accepted", "").await;
    let task = accepted.pointer("/body/task").and_then(Value::as_str).expect("a task").parse().expect("a task's id");
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(ended["requester"], "guest");
    let completed = events.event("task.completed", &task.to_string()).await;
    assert_eq!(completed.pointer("/kind").and_then(Value::as_str), Some("task.completed"), "{completed}");
    let _changed = events.event("account.credential_reset", &task.to_string()).await;

    let shared = json!({
        "selection": {"scope": "selected", "accounts": ["p2"]},
        "password": {"source": "shared", "value": "Sommer-Regen-Bogen-77"},
        "reason": "lost"
    });
    let refused = [
        (Some("r-2"), "{not json".to_owned(), "json.malformed"),
        (None, reset_of("p2"), "idempotency.missing"),
        (Some("r-3"), shared.to_string(), "password.not_over_amqp"),
        (Some("r-1"), reset_of("p2"), "idempotency.mismatch"),
        (Some("r-4"), reset_of("nobody"), "selection.unknown_accounts"),
    ];
    for (id, body, code) in refused {
        publish(&world, &[message(id, &body)]).await;
        let event = events.event("request.refused", code).await;
        assert_eq!(event.pointer("/body/message_id").and_then(Value::as_str), Some(id.unwrap_or_default()), "{event}");
        assert!(!event.to_string().contains("Sommer"), "the refusal repeats the password");
    }
    assert_eq!(tasks(&world).await, 1);
    assert_eq!(events.heard().iter().filter(|(key, _)| key.ends_with(".task.accepted")).count(), 1);
    checks::settled(&world, fleet, &[task]).await;
    checks::changed_at_most(&world, 1).await;
}

async fn is_open(world: &World) -> bool {
    // The exchange and the queue are declared by whoever connects first.
    world.broker.exists("requests").await
}

async fn waiting(world: &World, queue: &str) -> u32 {
    world.broker.ready().await.into_iter().find(|(name, _)| *name == queue).map(|(_, ready)| ready).unwrap_or_default()
}
