//! Every kind of process is watched while it works.

use std::collections::BTreeSet;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::{Person, World};
use serde_json::{Value, json};

use crate::files::named_metrics;
use crate::school::{School, pupils};
use crate::scrape::{address, labels, metrics, names, promtool, status, value};

const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

/// The only labels that there may be: a new one is looked at by a person before it stands here.
const LABELS: [&str; 17] = [
    "destination",
    "kind",
    "le",
    "loop",
    "method",
    "outcome",
    "pool",
    "result",
    "revision",
    "route",
    "service",
    "stage",
    "state",
    "status",
    "verdict",
    "version",
    "what",
];

fn everybody() -> Value {
    json!({
        "selection": {"scope": "without_role"},
        "password": {"source": "generated", "format": "phrase3"},
        "reason": "lost", "acknowledgement": "2026-11"
    })
}

/// What must hold for the metrics of any process.
async fn sound(base: &str) -> String {
    let text = metrics(base, "text/plain").await;
    promtool(&["check", "metrics"], &text).await;
    let open = metrics(base, OPEN).await;
    assert!(open.ends_with("# EOF\n"), "{open}");
    let by_name = |text: &str| -> BTreeSet<String> { names(text) };
    assert!(by_name(&open).is_superset(&by_name(&text)), "both forms show the same");
    for (name, value) in labels(&text) {
        assert!(LABELS.contains(&name.as_str()), "the label {name} of {value}");
        let personal = value.contains("pupil") || value.contains('@') || value.contains("rivermoor");
        assert!(!personal && uuid::Uuid::parse_str(&value).is_err(), "the label {name} says {value}");
    }
    text
}

async fn until_ready(base: &str) {
    let watch = Stopwatch::start();
    while status(base, "/readyz").await != 200 {
        assert!(watch.elapsed() < Duration::from_mins(1), "{base} does not get ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn one_process_shows_everything() {
    let school = School::with(&pupils(12)).await;
    let key = school.key("office", "district_admin").await;
    let program = school.program(["serve"]).env("KEYBELL_METRICS__LISTEN", "127.0.0.1:0");
    // What the leader measures is gone when a busy machine loses a short lease.
    let program = program.env("KEYBELL_SCHEDULER__LEADER_SECONDS", "30");
    let (mut running, caller) = crate::school::serve(program, &key).await;
    let base = address(&mut running).await;
    assert_eq!(status(&base, "/healthz").await, 200);
    until_ready(&base).await;
    let task = caller.start("metrics-1", &everybody()).await.with_status(202).task();
    let under_load = sound(&base).await;
    assert!(value(&under_load, "keybell_worker_hash_threads") >= 1.0);
    let ended = caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    let expected = [
        ("keybell_worker_outcomes_total{stage=\"reset\",outcome=\"done\"}", 12.0),
        ("keybell_worker_outcomes_total{stage=\"email\",outcome=\"done\"}", 12.0),
        ("keybell_worker_messages_handled_total{stage=\"email\",verdict=\"given_up\"}", 0.0),
        ("keybell_worker_messages_in_flight{stage=\"reset\"}", 0.0),
        ("keybell_worker_hash_threads_busy", 0.0),
        ("keybell_worker_hash_waiting", 0.0),
        ("keybell_worker_hash_seconds_count", 12.0),
        ("keybell_worker_told_delay_seconds_count{stage=\"email\"}", 12.0),
        ("keybell_worker_breaker_state{stage=\"email\"}", 0.0),
        ("keybell_scheduler_leader", 1.0),
        ("keybell_scheduler_items_dispatched_total", 12.0),
        ("keybell_scheduler_items{state=\"notified\"}", 12.0),
        ("keybell_backends_up{service=\"ledger\"}", 1.0),
        ("keybell_api_requests_total{method=\"POST\",route=\"/v1/tasks\",status=\"202\"}", 1.0),
    ];
    // Acknowledgements and the projector come a moment after the task's end.
    let watch = Stopwatch::start();
    let text = loop {
        let text = sound(&base).await;
        let wrong = expected.iter().find(|(sample, wanted)| (value(&text, sample) - wanted).abs() > f64::EPSILON);
        let Some((sample, wanted)) = wrong else { break text };
        assert!(watch.elapsed() < Duration::from_secs(30), "{sample} is not {wanted} in\n{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_process_shows_its_own_and_together_all_that_is_asked_for() {
    let mut world = World::new().await;
    world.set("KEYBELL_METRICS__LISTEN", "127.0.0.1:0");
    world.set("KEYBELL_SCHEDULER__LEADER_SECONDS", "30");
    world.import(&Person::pupils(20)).await;
    let mut fleet = world.fleet().await;
    let mut bases = vec![address(&mut fleet.api).await, address(&mut fleet.scheduler).await];
    bases.push(address(&mut fleet.email).await);
    bases.push(address(&mut fleet.sms).await);
    for reset in &mut fleet.resets {
        bases.push(address(reset).await);
    }
    for base in &bases {
        until_ready(base).await;
    }
    let task = fleet.caller.start("metrics-1", &everybody()).await.with_status(202).task();
    for base in &bases {
        let _under_load = sound(base).await;
    }
    let _ended = fleet.caller.ended(task).await;
    // What the leader measures comes every few seconds.
    let watch = Stopwatch::start();
    while !metrics(&bases[1], "").await.contains("keybell_scheduler_queue_consumers{stage=\"reset\"} 2") {
        assert!(watch.elapsed() < Duration::from_mins(1), "the leader does not count the consumers of the queues");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut shown = BTreeSet::new();
    let mut resets = 0.0;
    for base in &bases {
        let text = sound(base).await;
        shown.extend(names(&text));
        if text.contains("keybell_worker_outcomes_total{stage=\"reset\",outcome=\"done\"}") {
            resets += value(&text, "keybell_worker_outcomes_total{stage=\"reset\",outcome=\"done\"}");
        }
    }
    assert!((resets - 20.0).abs() < f64::EPSILON, "{resets} resets were counted");
    let scheduler = metrics(&bases[1], "").await;
    assert!(!scheduler.contains("keybell_worker_"), "a scheduler is no worker");
    let missing: Vec<_> = named_metrics().into_iter().filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "rules or dashboard ask for what no process shows: {missing:?}");
    fleet.stop().await;
}
