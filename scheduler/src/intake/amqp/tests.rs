//! The AMQP door against a queue in memory: what is acknowledged, refused, rejected, and kept while the ledger is away.

use keybell_shared::actor::Actor;
use keybell_shared::ports::ledger::Quota;
use tokio::sync::mpsc;

use super::*;
use crate::intake::MAX_KEY;
use crate::testing::{FakeAnswers, FakeLedger, FakeRequests, until};

const GOOD: &str = r#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#;

struct Room {
    ledger: Arc<FakeLedger>,
    queue: Arc<FakeRequests>,
    answers: Arc<FakeAnswers>,
    publish: mpsc::Sender<RawRequest>,
    soft: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// The door, open, in a district where `portal` may publish.
fn room() -> Room {
    let ledger = Arc::new(FakeLedger::new(3));
    let district = ledger.state().district;
    let quota = Quota { requests_per_hour: 600, accounts_per_request: None };
    ledger.state().producers.insert("portal".into(), Producer { actor: Actor::producer(district, "portal"), quota });
    let (queue, answers) = (Arc::new(FakeRequests::default()), Arc::new(FakeAnswers::default()));
    let publish = queue.connection(&answers);
    let soft = CancellationToken::new();
    let (all, requests): (Arc<FakeLedger>, Arc<FakeRequests>) = (Arc::clone(&ledger), Arc::clone(&queue));
    let intake = Arc::new(Intake::new(all, None));
    let refusals: Arc<FakeLedger> = Arc::clone(&ledger);
    let running = tokio::spawn(run(requests, refusals, intake, soft.clone()));
    Room { ledger, queue, answers, publish, soft, running }
}

impl Room {
    async fn send(&self, raw: RawRequest) {
        self.publish.send(raw).await.expect("the door takes requests");
    }

    /// Waits until the message was answered; `true` when it was acknowledged.
    async fn answered(&self, tag: u64) -> bool {
        let acked = || self.answers.acked.lock().unwrap().contains(&tag);
        until("an answer", || acked() || self.answers.rejected.lock().unwrap().contains(&tag)).await;
        acked()
    }

    async fn close(self) {
        self.soft.cancel();
        self.running.await.expect("the door closes");
    }
}

fn raw(tag: u64, message_id: &str, body: &str) -> RawRequest {
    RawRequest {
        producer: Some("portal".into()),
        message_id: Some(message_id.into()),
        content_type: Some("application/json".into()),
        content_encoding: None,
        trace: None,
        body: body.as_bytes().to_vec(),
        tag,
    }
}

#[tokio::test]
async fn a_request_is_acknowledged_once_it_is_a_task_and_a_repetition_is_the_same_one() {
    let room = room();
    room.send(raw(1, "m-1", GOOD)).await;
    room.send(raw(2, "m-1", GOOD)).await;
    room.send(RawRequest { content_type: Some("application/json; charset=UTF-8".into()), ..raw(3, "m-2", GOOD) }).await;
    for tag in 1..=3 {
        assert!(room.answered(tag).await);
    }
    assert_eq!(room.ledger.state().tasks.len(), 2);
    let first = room.ledger.state().tasks[0].new.clone();
    assert_eq!((first.actor.name.as_str(), first.idempotency.producer.as_str()), ("amqp:portal", "portal"));
    assert_eq!(room.ledger.state().answered, [("m-1".to_owned(), first.id)], "the repetition is answered again");
    room.soft.cancel();
    until("no further requests are asked for", || *room.answers.stopped.lock().unwrap()).await;
    room.close().await;
}

#[tokio::test]
async fn a_wrong_request_is_refused_in_the_ledger_and_acknowledged() {
    let room = room();
    let shared = r#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11","password":{"source":"shared","value":"Otter-lamp-47"}}"#;
    let cases = [
        (raw(1, "m-1", ""), "body.invalid"),
        (raw(2, "m-2", "[]"), "body.invalid"),
        (raw(3, "m-3", r#"{"district":"x"}"#), "field.unknown"),
        (raw(4, "m-4", shared), "password.not_over_amqp"),
        (RawRequest { content_type: None, ..raw(5, "m-5", GOOD) }, "body.content_type"),
        (RawRequest { content_type: Some("text/csv".into()), ..raw(6, "m-6", GOOD) }, "body.content_type"),
        (
            RawRequest { content_type: Some("application/json; charset=utf-16".into()), ..raw(7, "m-7", GOOD) },
            "body.content_type",
        ),
        (RawRequest { content_encoding: Some("gzip".into()), ..raw(11, "m-11", GOOD) }, "body.encoding"),
        (RawRequest { message_id: None, ..raw(8, "", GOOD) }, "idempotency.missing"),
        (raw(9, &"m".repeat(10_000), GOOD), "idempotency.malformed"),
        (
            raw(
                10,
                "m-10",
                r#"{"selection":{"scope":"selected","accounts":["x"]},"reason":"lost","acknowledgement":"2026-11"}"#,
            ),
            "selection.unknown_accounts",
        ),
    ];
    for (request, code) in cases {
        let tag = request.tag;
        room.send(request).await;
        assert!(room.answered(tag).await, "{code}");
        let state = room.ledger.state();
        let refused = state.refused.last().expect("a refusal");
        assert_eq!((refused.code.as_str(), refused.producer.as_str()), (code, "portal"));
        assert!(refused.message_id.len() <= MAX_KEY && !format!("{refused:?}").contains("Otter"), "{refused:?}");
    }
    let last = room.ledger.state().refused.last().expect("a refusal").clone();
    assert_eq!((last.field.as_deref(), last.entries), (Some("selection.accounts"), vec!["x".to_owned()]));
    assert!(room.ledger.state().tasks.is_empty());
    room.close().await;
}

#[tokio::test]
async fn a_request_of_nobody_is_dropped() {
    let room = room();
    room.send(RawRequest { producer: None, ..raw(1, "m-1", GOOD) }).await;
    room.send(RawRequest { producer: Some("stranger".into()), ..raw(2, "m-2", GOOD) }).await;
    // Acknowledged, so that they are gone: nothing of them goes to the dead letters of the work.
    assert!(room.answered(1).await);
    assert!(room.answered(2).await);
    assert!(room.ledger.state().refused.is_empty() && room.ledger.state().tasks.is_empty());
    room.close().await;
}

#[tokio::test]
async fn a_producer_keeps_within_its_quota() {
    let room = room();
    let quota = |requests_per_hour, accounts_per_request| {
        let mut state = room.ledger.state();
        state.producers.get_mut("portal").expect("allowed").quota = Quota { requests_per_hour, accounts_per_request };
    };
    let refused = || room.ledger.state().refused.last().map(|refusal| refusal.code.clone());
    quota(600, Some(2));
    room.send(raw(1, "m-1", GOOD)).await;
    assert!(room.answered(1).await);
    assert_eq!(refused().as_deref(), Some("quota.accounts"), "three accounts, two allowed");
    quota(1, Some(3));
    room.send(raw(2, "m-2", GOOD)).await;
    assert!(room.answered(2).await);
    room.send(raw(3, "m-3", GOOD)).await;
    assert!(room.answered(3).await);
    assert_eq!(refused().as_deref(), Some("quota.requests"));
    // What was accepted is known, whatever the quota says now.
    quota(0, Some(0));
    room.send(raw(4, "m-2", GOOD)).await;
    assert!(room.answered(4).await);
    assert_eq!(room.ledger.state().tasks.len(), 1);
    assert_eq!(room.ledger.state().refused.len(), 2);
    assert_eq!(room.ledger.state().answered.len(), 1);
    room.close().await;
}

#[tokio::test]
async fn while_the_ledger_is_away_the_request_is_kept_and_accepted_afterwards() {
    let room = room();
    room.ledger.state().away = true;
    room.send(raw(1, "m-1", GOOD)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(room.answers.acked.lock().unwrap().is_empty() && room.answers.rejected.lock().unwrap().is_empty());
    room.ledger.state().away = false;
    assert!(room.answered(1).await);
    assert_eq!(room.ledger.state().tasks.len(), 1);
    assert_eq!(*room.queue.calls.lock().unwrap(), 1, "the connection was kept");
    room.close().await;
}

#[tokio::test]
async fn a_defect_is_tried_again_and_then_refused_and_only_what_cannot_be_refused_is_a_dead_letter() {
    let room = room();
    room.ledger.state().defects = MAX_DEFECTS - 1;
    room.send(raw(1, "m-1", GOOD)).await;
    assert!(room.answered(1).await, "it works at last");
    room.ledger.state().defects = u32::MAX;
    room.send(raw(2, "m-2", GOOD)).await;
    assert!(room.answered(2).await, "refused, so that the application hears of it");
    assert_eq!(room.ledger.state().refused.last().expect("a refusal").code, "internal");
    assert_eq!(room.ledger.state().accepts, MAX_DEFECTS * 2);
    room.ledger.state().unrefusable = true;
    room.send(raw(3, "m-3", GOOD)).await;
    assert!(!room.answered(3).await);
    room.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_made_anew() {
    let mut room = room();
    room.send(raw(1, "m-1", GOOD)).await;
    assert!(room.answered(1).await);
    // The old sender is dropped, which is how a lost connection looks.
    room.publish = room.queue.connection(&room.answers);
    room.send(raw(2, "m-2", GOOD)).await;
    assert!(room.answered(2).await);
    room.close().await;
}
