//! Producers: who may publish, within which quota, and what they are answered.

use futures_util::future::join_all;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::events::RequestRefused;
use keybell_shared::ids::{ApiKeyId, TaskId};
use keybell_shared::ports::events::Event;
use keybell_shared::ports::ledger::{
    Acceptance, Idempotency, IntakeLedger as _, KeyFate, KeyLedger as _, NewKey, NewTask, OutboxLedger as _,
    ProducerLedger as _, Quota, QuotaChange,
};
use keybell_shared::problem::Problem;
use keybell_tests::ledgers::{TestLedger, district_with, request};
use keybell_tests::on_both;
use serde_json::json;

on_both!(
    producers_are_allowed_listed_and_forbidden,
    a_quota_is_held_exactly_and_repetitions_do_not_count,
    every_request_is_answered,
);

fn published(actor: &Actor, key: &str) -> NewTask {
    let producer = actor.broker_user().unwrap_or(&actor.name).to_owned();
    NewTask {
        id: TaskId::fresh(),
        actor: actor.clone(),
        request: request(json!({"selection": {"scope": "all"}})),
        named: Vec::new(),
        shared: None,
        uploaded: Vec::new(),
        idempotency: Idempotency { producer, key: key.to_owned(), fingerprint: "same".to_owned() },
        reissue: None,
        trial: None,
    }
}

const fn quota(requests_per_hour: u32, accounts_per_request: Option<u32>) -> Quota {
    Quota { requests_per_hour, accounts_per_request }
}

async fn producers_are_allowed_listed_and_forbidden(on: &TestLedger) {
    let (here, there) = (district_with(&*on.ledger, 1).await, district_with(&*on.ledger, 1).await);
    assert!(on.ledger.producer("sis").await.expect("an answer").is_none());
    let change = QuotaChange::default();
    assert_eq!(on.ledger.allow_producer(&here.admin(), "sis", change).await, Ok(quota(600, None)));
    let change = QuotaChange { requests_per_hour: None, accounts_per_request: Some(50) };
    assert_eq!(on.ledger.allow_producer(&here.admin(), "sis", change).await, Ok(quota(600, Some(50))));
    let change = QuotaChange { requests_per_hour: Some(7), accounts_per_request: None };
    assert_eq!(on.ledger.allow_producer(&here.admin(), "sis", change).await, Ok(quota(7, Some(50))));
    let change = QuotaChange { requests_per_hour: None, accounts_per_request: Some(0) };
    assert_eq!(on.ledger.allow_producer(&here.admin(), "sis", change).await, Ok(quota(7, None)), "0 is any number");

    let known = on.ledger.producer("sis").await.expect("an answer").expect("allowed");
    assert_eq!(
        (known.actor.district, known.actor.role, known.quota),
        (here.district.id, Role::Application, quota(7, None))
    );
    assert_eq!(known.actor.name, "amqp:sis", "an API key named sis is somebody else");
    let key = |name: &str| NewKey {
        made_by: None,
        id: ApiKeyId::fresh(),
        district: here.district.id,
        name: name.to_owned(),
        role: Role::Application,
        person: None,
        secret_hash: vec![1; 32],
    };
    assert_eq!(on.ledger.add_key(key("amqp:sis")).await, Ok(KeyFate::NameReserved), "and no key takes its place");
    assert_eq!(on.ledger.add_key(key("sis")).await, Ok(KeyFate::Added));
    on.ledger.accept(published(&known.actor, "m-1")).await.expect("accepted");
    let listed = on.ledger.producers(here.district.id).await.expect("a list");
    let shown: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.quota, one.requests_last_hour)).collect();
    assert_eq!(shown, [("sis", quota(7, None), 1)]);
    assert!(on.ledger.producers(there.district.id).await.expect("a list").is_empty());

    // Another district cannot forbid it, but the operator can move it: a user speaks for one district.
    assert_eq!(on.ledger.forbid_producer(&there.admin(), "sis").await, Ok(false));
    on.ledger.allow_producer(&there.admin(), "sis", QuotaChange::default()).await.expect("moved");
    let moved = on.ledger.producer("sis").await.expect("an answer").expect("allowed");
    assert_eq!(moved.actor.district, there.district.id);
    // What it still had in hand for the old district is refused.
    assert_eq!(on.ledger.accept(published(&known.actor, "m-2")).await, Ok(Acceptance::OverQuota(0)));
    assert_eq!(on.ledger.forbid_producer(&there.admin(), "sis").await, Ok(true));
    assert_eq!(on.ledger.forbid_producer(&there.admin(), "sis").await, Ok(false));
    assert!(on.ledger.producer("sis").await.expect("an answer").is_none());
    let noted =
        on.raw.number("SELECT count(*) FROM audit WHERE action IN ('producer.allowed', 'producer.forbidden')").await;
    assert_eq!(noted, 6);
}

async fn a_quota_is_held_exactly_and_repetitions_do_not_count(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let change = QuotaChange { requests_per_hour: Some(3), accounts_per_request: None };
    for name in ["sis", "lms"] {
        on.ledger.allow_producer(&fixture.admin(), name, change).await.expect("allowed");
    }
    let sis = Actor::producer(fixture.district.id, "sis");
    let other = on.another_or_same().await;
    // Two doors at once, as two schedulers have them.
    let asked: Vec<NewTask> = (0..12).map(|n| published(&sis, &format!("m-{n}"))).collect();
    let answers = join_all(asked.iter().enumerate().map(|(n, task)| {
        let door = if n % 2 == 0 { &*on.ledger } else { &*other };
        door.accept(task.clone())
    }))
    .await;
    let mut accepted = Vec::new();
    for (task, answer) in asked.iter().zip(answers) {
        let answer = answer.expect("an answer");
        if let Acceptance::Accepted(id) = answer {
            accepted.push((task.idempotency.key.clone(), id));
        } else {
            assert_eq!(answer, Acceptance::OverQuota(3));
        }
    }
    assert_eq!(accepted.len(), 3);
    let (key, id) = accepted.first().expect("three");
    assert_eq!(on.ledger.accept(published(&sis, key)).await, Ok(Acceptance::Repeated(*id)), "no further request");
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 3, "what is refused leaves nothing");
    assert_eq!(on.raw.number("SELECT count(*) FROM idempotency").await, 3);
    // Each has its own, and whoever is no producer has none.
    for actor in [Actor::producer(fixture.district.id, "lms"), Actor { name: "sis".to_owned(), ..fixture.admin() }] {
        let task = published(&actor, "of another");
        assert_eq!(on.ledger.accept(task.clone()).await, Ok(Acceptance::Accepted(task.id)));
    }
    // An hour later.
    on.raw.run("UPDATE idempotency SET created_at = created_at - 3600000").await;
    let task = published(&sis, "later");
    assert_eq!(on.ledger.accept(task.clone()).await, Ok(Acceptance::Accepted(task.id)));
}

async fn every_request_is_answered(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    on.ledger.allow_producer(&fixture.admin(), "sis", QuotaChange::default()).await.expect("allowed");
    let sis = Actor::producer(fixture.district.id, "sis");
    let task = published(&sis, "m-1");
    on.ledger.accept(task.clone()).await.expect("accepted");
    on.ledger.answer_repetition(&sis, "m-1", task.id).await.expect("answered");
    let entries: Vec<String> = (0..25).map(|n| format!("nobody{n}")).collect();
    let problem = Problem::invalid("selection.unknown_accounts", "selection.accounts", "who is that?");
    let refusal = RequestRefused::new("sis", "m-2", &problem.with_entries(entries));
    on.ledger.refuse(&sis, &refusal).await.expect("noted");
    // Nobody is answered whose request came through another door.
    on.ledger.accept(published(&fixture.admin(), "k")).await.expect("accepted");

    let events = on.ledger.unsent_events(10).await.expect("events");
    let answers: Vec<&Event> = events.iter().filter(|event| event.answers().is_some()).collect();
    let accepted = |repeated| json!({"producer": "sis", "message_id": "m-1", "task": task.id, "repeated": repeated});
    let bodies: Vec<_> = answers.iter().map(|event| (event.kind.as_str(), event.body.clone())).collect();
    let refused = serde_json::to_value(&refusal).expect("a body");
    assert_eq!(
        bodies,
        [("request.accepted", accepted(false)), ("request.accepted", accepted(true)), ("request.refused", refused)]
    );
    assert_eq!(answers[2].body["entries"].as_array().map(Vec::len), Some(20));
    assert_eq!(answers[2].body["more"], 5);
    let own = format!("{}.request.refused.sis", fixture.district.id);
    assert_eq!(answers[2].routing_key(), own);
    assert_eq!(events.iter().filter(|event| event.kind == "task.accepted").count(), 2);
}
