//! The documents are valid in the eyes of others, and real messages obey them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use keybell_tests::fleet::{Person, World};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{is_open, message, publish, reset_of, wrong};
use crate::{node, python, script, until};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn read(name: &str) -> Value {
    let path = document(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Whether each message obeys the schema, in the eyes of a validator that is not ours.
async fn obey(schema: &str, messages: &[Vec<u8>]) -> Vec<bool> {
    let mut validator = Command::new(python())
        .arg(script("amqp/validate.py"))
        .arg(document(schema))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("Python starts");
    let mut stdin = validator.stdin.take().expect("piped");
    for message in messages {
        stdin.write_all(message).await.expect("written");
        stdin.write_all(b"\n").await.expect("written");
    }
    drop(stdin);
    let ended = validator.wait_with_output().await.expect("it ends");
    assert!(ended.status.success(), "{schema} is no schema, or the validator is not there");
    let verdicts = String::from_utf8_lossy(&ended.stdout);
    verdicts.lines().map(|line| line == "valid").collect()
}

#[tokio::test]
async fn the_asyncapi_document_is_one() {
    let ended = node(script("amqp/asyncapi.js")).arg(document("asyncapi.json")).output().await.expect("Node starts");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(said.trim(), "receiveRequest sendAnswer sendEvent");
}

#[tokio::test]
async fn the_command_line_prints_the_documents() {
    for (arguments, name) in [
        (vec!["asyncapi"], "asyncapi.json"),
        (vec!["asyncapi", "--schema", "request"], "schemas/request.schema.json"),
        (vec!["asyncapi", "--schema", "event"], "schemas/event.schema.json"),
    ] {
        let printed: Value = keybell_tests::program::Program::new(arguments).run_to(0).await.json();
        assert_eq!(printed, read(name), "{name}");
    }
}

#[tokio::test]
async fn the_examples_in_the_document_obey_the_schemas() {
    let messages = read("asyncapi.json")["components"]["messages"].clone();
    let messages = messages.as_object().expect("messages");
    assert!(messages.len() > 10);
    for (name, message) in messages {
        let schema = if name == "request" { "schemas/request.schema.json" } else { "schemas/event.schema.json" };
        let examples = message["examples"].as_array().expect("examples");
        let payloads: Vec<Vec<u8>> = examples.iter().map(|example| example["payload"].to_string().into()).collect();
        assert_eq!(obey(schema, &payloads).await, vec![true; examples.len()], "{name}");
    }
}

#[tokio::test]
async fn the_schema_of_requests_refuses_what_the_door_refuses() {
    let good = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11"});
    let with = |field: &str, value: Value| {
        let mut request = good.clone();
        request.as_object_mut().expect("an object").insert(field.to_owned(), value);
        request.to_string().into_bytes()
    };
    let mut unread = good.clone();
    unread.as_object_mut().expect("an object").remove("acknowledgement");
    let cases = [
        good.to_string().into_bytes(),
        with("temporary", json!(true)),
        unread.to_string().into_bytes(),
        with("surprise", json!(1)),
        with("reason", json!("because")),
        with("selection", json!({"scope": "all", "where": {"grades": []}})),
        with("password", json!({"source": "shared", "value": "Otter-lamp-47"})),
    ];
    assert_eq!(obey("schemas/request.schema.json", &cases).await, [true, true, false, false, false, false, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_answers_and_events_obey_the_schema() {
    let world = World::new().await;
    world.import(&Person::pupils(2)).await;
    let _allowed = world.program(["producer", "allow", "guest"]).run_to(0).await;
    let fleet = world.fleet().await;
    until("the door is open", || async { is_open(&world).await }).await;
    let mut events = world.broker.listen().await;
    publish(&world, &[message(Some("r-1"), &reset_of("p1")), message(Some("r-1"), &reset_of("p1"))]).await;
    for (id, body, _) in wrong() {
        publish(&world, &[message(id, &body)]).await;
    }
    for kind in ["request.accepted", "task.accepted", "task.started", "account.credential_reset", "task.completed"] {
        let _heard = events.event(kind, "").await;
    }
    let _last = events.event("request.refused", "selection.unknown_accounts").await;
    // The very bytes that the broker delivered.
    let bodies: Vec<Vec<u8>> = events.deliveries().iter().map(|delivery| delivery.data.clone()).collect();
    assert!(bodies.len() >= 10);
    let verdicts = obey("schemas/event.schema.json", &bodies).await;
    for (verdict, (key, body)) in verdicts.iter().zip(events.heard()) {
        assert!(verdict, "{key}: {body}");
    }
    assert_eq!(obey("schemas/event.schema.json", &[b"{}".to_vec()]).await, [false]);
    fleet.stop().await;
}
