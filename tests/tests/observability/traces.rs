//! One trace from the request to the delivery of its message.

use std::collections::BTreeSet;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::{Person, World};
use keybell_tests::program::PATIENCE;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::collector::{Collector, Received};
use crate::school::{School, pupils};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The way of one reset once a door has accepted it, each step below the one before.
const WAY: [(&str, &str); 5] =
    [("expand", "accept"), ("dispatch", "accept"), ("reset", "dispatch"), ("commit", "reset"), ("email", "reset")];

fn one(account: &str) -> Value {
    json!({
        "selection": {"scope": "selected", "accounts": [account]},
        "password": {"source": "generated", "format": "phrase3"},
        "reason": "lost", "acknowledgement": "2026-11"
    })
}

/// Asks for a reset as an application does that records spans itself. Answers the task.
async fn ask(base: &str, key: &str, account: &str, traceparent: &str) -> keybell_shared::ids::TaskId {
    let answer = crate::scrape::client()
        .post(format!("{base}/v1/tasks"))
        .bearer_auth(key)
        .header("idempotency-key", format!("trace-{account}"))
        .header("traceparent", traceparent)
        .json(&one(account))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), 202);
    let body: Value = answer.json().await.expect("JSON");
    body["task"].as_str().expect("a task").parse().expect("a task's id")
}

/// The spans of the caller's trace; checks that they hang together below the span of the `door`, and say nothing personal.
/// On a slow machine the scan may bring a message twice, so a step may be there twice.
fn of_the_trace(spans: &[Received], door: &str) -> Vec<Received> {
    let ours: Vec<Received> = spans.iter().filter(|span| span.trace == TRACE).cloned().collect();
    assert!(ours.iter().any(|span| span.name == door && span.parent == CALLER), "{ours:?}");
    for (child, parent) in WAY.into_iter().chain([("accept", door), ("deliver", "email")]) {
        let parents: BTreeSet<&str> =
            ours.iter().filter(|span| span.name == parent).map(|span| span.id.as_str()).collect();
        let below = ours.iter().any(|span| span.name == child && parents.contains(span.parent.as_str()));
        assert!(below, "no {child} below {parent}: {ours:?}");
    }
    for (name, value) in spans.iter().flat_map(|span| &span.attributes) {
        let personal = value.contains("pupil") || value.contains('@') || value.contains("p1");
        assert!(!personal, "a span's {name} is {value}");
    }
    ours
}

#[tokio::test]
async fn an_embedded_reset_is_one_trace() {
    let collector = Collector::start().await;
    let school = School::with(&pupils(2)).await;
    let key = school.key("office", "district_admin").await;
    let program = school.program(["serve"]).env("KEYBELL_TRACING__OTLP_ENDPOINT", &collector.url);
    let program = program.env("KEYBELL_LOG_JSON", "true");
    let mut running = program.start();
    let line = running.line_with("the API listens on http://").await;
    let url = line.split_once("the API listens on ").expect("the line holds it").1;
    let base = url.split('"').next().unwrap_or_default().trim().to_owned();
    let caller = keybell_tests::http::Caller::new(&base, &key);
    let task = ask(&base, &key, "pupil1", &format!("00-{TRACE}-{CALLER}-01")).await;
    caller.ended(task).await;
    // A context that is none is ignored: the request has a trace of its own.
    let other = ask(&base, &key, "pupil2", "00-zz-zz-01").await;
    caller.ended(other).await;
    running.terminate();
    let ended = running.wait(PATIENCE).await.with_code(0);

    let spans = collector.spans();
    let ours = of_the_trace(&spans, "request");
    let names_it = |span: &Received| span.attributes.contains(&("task".to_owned(), task.to_string()));
    assert!(ours.iter().any(|span| span.name == "accept" && names_it(span)), "{ours:?}");
    let resets: BTreeSet<&str> =
        spans.iter().filter(|span| span.name == "reset").map(|span| span.trace.as_str()).collect();
    assert_eq!(resets.len(), 2, "each request has its own trace: {resets:?}");
    // The log shows which trace a line belongs to.
    let accepted =
        ended.stderr.lines().find(|line| line.contains("request accepted") && line.contains(&task.to_string()));
    let accepted: Value = serde_json::from_str(accepted.expect("a line")).expect("JSON");
    assert_eq!(accepted["span"]["trace_id"], TRACE, "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_by_many_processes_is_one_trace() {
    let collector = Collector::start().await;
    let mut world = World::new().await;
    world.set("KEYBELL_TRACING__OTLP_ENDPOINT", &collector.url);
    world.import(&Person::pupils(1)).await;
    let key = world.key().await;
    let (scheduler, reset, email) = (
        world.start(keybell_tests::fleet::SCHEDULER),
        world.start(keybell_tests::fleet::RESET),
        world.start(keybell_tests::fleet::EMAIL),
    );
    let (api, url) = world.start_api().await;
    let task = ask(&url, &key, "p1", &format!("00-{TRACE}-{CALLER}-01")).await;
    let ended = keybell_tests::http::Caller::new(&url, &key).ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    for process in [api, scheduler, reset, email] {
        process.terminate();
        let _ended = process.wait(PATIENCE).await.with_code(0);
    }
    of_the_trace(&collector.spans(), "request");
}

/// Publishes a request as an application does that records spans itself.
async fn publish(world: &World, account: &str, traceparent: &str) {
    let connection = Connection::connect(world.broker.url(), ConnectionProperties::default()).await.expect("RabbitMQ");
    let channel = connection.create_channel().await.expect("a channel");
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    let properties = BasicProperties::default()
        .with_user_id("guest".into())
        .with_message_id("trace-1".into())
        .with_content_type("application/json".into())
        .with_headers(headers);
    let (exchange, options) = (world.broker.name("requests").into(), BasicPublishOptions::default());
    let body = one(account).to_string();
    channel.basic_publish(exchange, "request".into(), options, body.as_bytes(), properties).await.expect("published");
    connection.close(200, "done".into()).await.expect("closed, with everything before it taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_published_reset_is_one_trace() {
    let collector = Collector::start().await;
    let mut world = World::new().await;
    world.set("KEYBELL_TRACING__OTLP_ENDPOINT", &collector.url);
    world.import(&Person::pupils(1)).await;
    let _allowed = world.program(["producer", "allow", "guest"]).run_to(0).await;
    let processes = [
        world.start(keybell_tests::fleet::SCHEDULER),
        world.start(keybell_tests::fleet::RESET),
        world.start(keybell_tests::fleet::EMAIL),
    ];
    let watch = Stopwatch::start();
    while !world.broker.exists("requests").await {
        assert!(watch.elapsed() < PATIENCE, "the door does not open");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut events = world.broker.listen().await;
    publish(&world, "p1", &format!("00-{TRACE}-{CALLER}-01")).await;
    let _completed = events.event("task.completed", "").await;
    for process in processes {
        process.terminate();
        let _ended = process.wait(PATIENCE).await.with_code(0);
    }
    of_the_trace(&collector.spans(), "published request");
}

#[tokio::test]
async fn an_unreachable_collector_costs_nothing_but_its_spans() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("office", "district_admin").await;
    // A port that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let program = school.program(["serve"]).env("KEYBELL_TRACING__OTLP_ENDPOINT", nobody);
    let (running, caller) = crate::school::serve(program, &key).await;
    let task = caller.start("away-1", &one("pupil1")).await.with_status(202).task();
    assert_eq!(caller.ended(task).await["state"], "completed");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}
