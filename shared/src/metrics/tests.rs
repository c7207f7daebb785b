use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;
use crate::ports::queue::Source;
use crate::stage::Stage;

fn text(register: impl FnOnce(&mut Registry)) -> String {
    let mut registry = Registry::default();
    register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text");
    text
}

#[test]
fn a_source_counts_under_its_stage() {
    let worker = Worker::default();
    let source = worker.source(Source::Stage(Stage::Email));
    source.received.inc_by(3);
    source.done.inc();
    source.consuming.set(1);
    source.handling_seconds.observe(0.2);
    worker.outcome(Stage::Email, Outcome::Retried, 2);
    worker.breaker("email", Breaker::Open);
    assert!(worker.consumes(Stage::Email) && !worker.consumes(Stage::Sms));
    let text = text(|registry| worker.register(registry, &[Stage::Email]));
    for line in [
        "keybell_worker_messages_received_total{stage=\"email\"} 3",
        "keybell_worker_messages_handled_total{stage=\"email\",verdict=\"done\"} 1",
        "keybell_worker_outcomes_total{stage=\"email\",outcome=\"retried\"} 2",
        "keybell_worker_breaker_state{stage=\"email\"} 2",
        "keybell_worker_handling_seconds_bucket{le=\"0.25\",stage=\"email\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("hash"), "an e-mail worker does not hash:\n{text}");
}

#[test]
fn who_does_not_lead_shows_nothing_of_the_fleet() {
    let scheduler = Scheduler::default();
    scheduler.leads(true);
    scheduler.queue(Stage::Reset, 7, None);
    scheduler.outbox("exchange", 1, 2.5);
    scheduler.tasks(&[]);
    let leading = text(|registry| scheduler.register(registry));
    assert!(leading.contains("keybell_scheduler_queue_messages{stage=\"reset\"} 7"), "{leading}");
    assert!(leading.contains("keybell_scheduler_outbox_oldest_seconds{destination=\"exchange\"} 2.5"), "{leading}");
    assert!(!leading.contains("queue_consumers{"), "nobody counts them:\n{leading}");
    scheduler.leads(false);
    let followed = text(|registry| scheduler.register(registry));
    assert!(followed.contains("keybell_scheduler_leader 0"), "{followed}");
    for gone in ["queue_messages{", "outbox_oldest_seconds{", "tasks{", "items{"] {
        assert!(!followed.contains(gone), "{gone} in\n{followed}");
    }
}

#[test]
fn a_caller_makes_no_labels_up() {
    let api = Api::default();
    api.answered("BREW", "-", 404, 0.1);
    let text = text(|registry| api.register(registry));
    assert!(text.contains("keybell_api_requests_total{method=\"other\",route=\"-\",status=\"404\"} 1"), "{text}");
}

#[test]
fn what_rarely_happens_is_shown_at_0_before_it_does() {
    let (scheduler, backends) = (Scheduler::default(), Backends::default());
    let text = text(|registry| {
        scheduler.register(registry);
        backends.register(registry);
    });
    for (name, label, values) in [
        ("keybell_scheduler_requests_total", "result", &["accepted", "repeated", "refused", "dropped", "rejected"][..]),
        ("keybell_scheduler_repaired_total", "kind", &["leases", "items", "email", "sms"]),
        ("keybell_backends_ledger_failures_total", "kind", &["collision", "unavailable", "defect"]),
    ] {
        for value in values {
            let line = format!("{name}{{{label}=\"{value}\"}} 0");
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}

/// The mean time to count one message in the ways that a worker does, against a bound. The bound is a small part of a hash
/// (tens of milliseconds) and far above what a few atomic numbers take even on a small and busy machine: only a gross
/// mistake, such as waiting for something, trips it. Whether anything is allocated or looked up is not checked.
#[test]
fn counting_costs_nothing_that_a_hash_would_notice() {
    const EVENTS: u32 = 100_000;
    let source = Worker::default().source(Source::Stage(Stage::Reset));
    let watch = crate::clock::Stopwatch::start();
    for _ in 0..EVENTS {
        source.received.inc();
        source.in_flight.inc();
        source.handling_seconds.observe(0.01);
        source.done.inc();
        source.in_flight.dec();
    }
    let each = watch.elapsed() / EVENTS;
    assert!(each < std::time::Duration::from_micros(50), "{each:?} for each message");
}
