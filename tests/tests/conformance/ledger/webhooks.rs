//! Webhook endpoints, handing events out to them, and delivering in order.

use std::time::Duration;

use keybell_shared::ids::{DistrictId, WebhookId};
use keybell_shared::ports::ledger::{
    ClaimOrder, DeliveryFate, DeliveryReport, LedgerResult, NewWebhook, OutboxLedger as _, WebhookDelivery,
    WebhookLedger as _, WebhookState, WebhookView,
};
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::flow::{LEASE, pending, reset, until};

on_both!(
    endpoints_are_made_shown_and_deleted_within_their_district,
    two_who_make_the_last_endpoint_at_once_make_one,
    an_event_becomes_one_message_per_endpoint_that_listens,
    an_event_that_appears_late_is_not_skipped,
    where_nobody_listens_an_event_is_handed_out_as_it_is_written,
    a_new_endpoint_waits_for_events_that_are_being_written,
    of_one_subject_only_the_oldest_goes_out,
    a_claim_ends_with_its_lease_and_keeps_the_id,
    a_late_failure_does_not_count_and_a_late_success_does,
    an_endpoint_that_only_fails_rests_and_recovers_at_once,
    a_disabled_endpoint_is_audited_announced_and_enabled_again,
    a_rotation_keeps_the_old_secret_for_a_while,
    old_messages_are_dropped_and_counted,
    a_deleted_endpoint_takes_its_messages_along,
);

const KEEP: Duration = Duration::from_hours(24);
const STRIKES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

fn new(district: DistrictId, owner: &str, events: &[&str]) -> NewWebhook {
    NewWebhook {
        id: WebhookId::fresh(),
        district,
        owner: owner.to_owned(),
        url: "https://hooks.example.com/keybell".to_owned(),
        events: events.iter().map(|&pattern| pattern.to_owned()).collect(),
        key_id: "k1".to_owned(),
    }
}

async fn endpoint(on: &TestLedger, fixture: &Fixture, events: &[&str]) -> WebhookId {
    let new = new(fixture.district.id, "console", events);
    on.ledger.add_webhook(new, 20).await.expect("an endpoint").expect("there is room").id
}

async fn view(on: &TestLedger, fixture: &Fixture, id: WebhookId) -> WebhookView {
    on.ledger.webhook(fixture.district.id, id).await.expect("a view").expect("it is there")
}

async fn claim(on: &TestLedger, webhook: WebhookId, limit: u32) -> Vec<WebhookDelivery> {
    on.ledger.claim_deliveries(webhook, ClaimOrder::DueFirst, limit, LEASE).await.expect("a claim")
}

fn report(delivery: &WebhookDelivery, fate: DeliveryFate) -> DeliveryReport {
    let detail = if fate == DeliveryFate::Delivered { "" } else { "the endpoint answered 500" };
    let WebhookDelivery { id, webhook, fence, .. } = *delivery;
    DeliveryReport { id, webhook, fence, fate, detail: detail.to_owned() }
}

async fn record(on: &TestLedger, reports: &[DeliveryReport]) -> LedgerResult<Vec<WebhookId>> {
    on.ledger.record_deliveries(reports, STRIKES, PAUSE).await
}

async fn settle(on: &TestLedger, delivery: &WebhookDelivery, fate: DeliveryFate) {
    let disabled = record(on, &[report(delivery, fate.clone())]).await.expect("a result");
    assert_eq!(!disabled.is_empty(), matches!(fate, DeliveryFate::Disable { .. }));
}

fn body(delivery: &WebhookDelivery) -> Value {
    serde_json::from_str(&delivery.body).expect("JSON")
}

/// Resets all pupils; one event about each account.
async fn resets(on: &TestLedger, fixture: &Fixture) {
    let task = task(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    let items = pending(on, task).await;
    reset(on, &items).await;
}

/// Marks every event as handed out, so that a test begins with none.
async fn forget_events(on: &TestLedger) {
    on.raw.run("UPDATE events SET handed_out = TRUE").await;
}

async fn endpoints_are_made_shown_and_deleted_within_their_district(on: &TestLedger) {
    let (here, there) = (district_with(&*on.ledger, 1).await, district_with(&*on.ledger, 1).await);
    let first = endpoint(on, &here, &["*"]).await;
    let second = on.ledger.add_webhook(new(here.district.id, "sis", &["task.*", "account.x"]), 20).await;
    let second = second.expect("an endpoint").expect("room");
    assert_eq!((second.generation, second.state, second.waiting), (1, WebhookState::Active, 0));
    assert_eq!(second.events, ["task.*", "account.x"]);

    let all = on.ledger.webhooks(here.district.id, None).await.expect("a list");
    assert_eq!(all.iter().map(|view| view.id).collect::<Vec<_>>(), [first, second.id]);
    let own = on.ledger.webhooks(here.district.id, Some("sis")).await.expect("a list");
    assert_eq!(own, std::slice::from_ref(&second));
    assert_eq!(on.ledger.webhooks(there.district.id, None).await.expect("a list"), []);

    let (elsewhere, id) = (there.district.id, second.id);
    assert_eq!(on.ledger.webhook(elsewhere, id).await.expect("a view"), None);
    assert!(!on.ledger.remove_webhook(elsewhere, id, "x").await.expect("no error"));
    assert_eq!(on.ledger.rotate_webhook(elsewhere, id, "x", "k1", KEEP).await.expect("no error"), None);
    assert_eq!(on.ledger.enable_webhook(elsewhere, id, "x", KEEP).await.expect("no error"), None);
    assert_eq!(on.ledger.test_webhook(elsewhere, id).await.expect("no error"), None);

    assert!(on.ledger.remove_webhook(here.district.id, id, "console").await.expect("removed"));
    assert!(!on.ledger.remove_webhook(here.district.id, id, "console").await.expect("gone"));
    let actions = on.raw.column("SELECT action FROM audit WHERE action LIKE 'webhook.%' ORDER BY id").await;
    assert_eq!(actions, ["webhook.created", "webhook.created", "webhook.deleted"]);
}

async fn two_who_make_the_last_endpoint_at_once_make_one(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    endpoint(on, &fixture, &["*"]).await;
    let other = on.another_or_same().await;
    let make = |_| new(fixture.district.id, "console", &["*"]);
    let (one, two) = tokio::join!(on.ledger.add_webhook(make(1), 2), other.add_webhook(make(2), 2));
    let both = [one.expect("no error"), two.expect("no error")];
    assert_eq!(both.iter().flatten().count(), 1);
    assert_eq!(on.raw.number("SELECT count(*) FROM webhooks").await, 2);
}

async fn an_event_becomes_one_message_per_endpoint_that_listens(on: &TestLedger) {
    let (fixture, elsewhere) = (district_with(&*on.ledger, 2).await, district_with(&*on.ledger, 1).await);
    let all = endpoint(on, &fixture, &["*"]).await;
    let tasks = endpoint(on, &fixture, &["task.accepted"]).await;
    let accounts = endpoint(on, &fixture, &["account.*"]).await;
    endpoint(on, &elsewhere, &["*"]).await;
    let task = accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    on.raw
        .run(&format!(
            "INSERT INTO events (district_id, kind, body, at) VALUES ('{}', 'request.refused', '{{}}', 1)",
            fixture.district.id
        ))
        .await;

    let done = on.ledger.hand_out_events(100, KEEP).await.expect("handed out");
    assert_eq!((done.events, done.messages), (2, 2), "an answer to one producer is nobody else's business");
    let again = on.ledger.hand_out_events(100, KEEP).await.expect("nothing more");
    assert_eq!((again.events, again.messages), (0, 0));
    assert_eq!(on.ledger.unsent_events(100).await.expect("events").len(), 2, "the broker's mark is another one");

    let waiting = [view(on, &fixture, all).await, view(on, &fixture, tasks).await, view(on, &fixture, accounts).await];
    assert_eq!(waiting.map(|view| view.waiting), [1, 1, 0]);
    let due: Vec<_> = on.ledger.due_webhooks(100).await.expect("due").into_iter().map(|due| due.id).collect();
    assert_eq!(due.len(), 2);
    assert!(due.contains(&all) && due.contains(&tasks));
    let (of_all, of_tasks) = (claim(on, all, 9).await, claim(on, tasks, 9).await);
    assert_eq!((of_all.len(), of_tasks.len()), (1, 1));
    assert_ne!(of_all[0].id, of_tasks[0].id, "an id for each event and endpoint");
    let said = body(&of_all[0]);
    assert_eq!(said["type"], "task.accepted");
    assert_eq!(said["data"]["task"], json!(task));
    assert_eq!(said["data"]["district"], json!(fixture.district.id));
    assert!(said["data"]["event"].is_i64(), "{said}");
    assert!(said["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{said}");
}

/// Events become visible in the order of their commits; here the one with the lower number comes last.
async fn an_event_that_appears_late_is_not_skipped(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    let district = fixture.district.id;
    let event = |number: i64| {
        let overriding = if on.raw.is_postgres() { "OVERRIDING SYSTEM VALUE" } else { "" };
        format!(
            "INSERT INTO events (id, district_id, kind, body, at) {overriding}
             VALUES ({number}, '{district}', 'task.x', '{{\"task\":\"t{number}\"}}', 1)"
        )
    };
    on.raw.run(&event(1_000)).await;
    assert_eq!(on.ledger.hand_out_events(10, KEEP).await.expect("handed out").messages, 1);
    on.raw.run(&event(900)).await;
    assert_eq!(on.ledger.hand_out_events(10, KEEP).await.expect("handed out").messages, 1);
    assert_eq!(claim(on, id, 9).await.len(), 2);
}

async fn where_nobody_listens_an_event_is_handed_out_as_it_is_written(on: &TestLedger) {
    let (here, elsewhere) = (district_with(&*on.ledger, 2).await, district_with(&*on.ledger, 1).await);
    endpoint(on, &elsewhere, &["*"]).await;
    forget_events(on).await;
    resets(on, &here).await;
    assert_eq!(on.raw.number("SELECT count(*) FROM events WHERE NOT handed_out").await, 0);
    let last = on.raw.number("SELECT max(id) FROM events").await;
    let id = endpoint(on, &here, &["account.*"]).await;
    resets(on, &here).await;
    let after = format!("SELECT count(*) FROM events WHERE id > {last} AND kind LIKE 'account.%'");
    let after = usize::try_from(on.raw.number(&after).await).expect("a count");
    assert!(on.ledger.hand_out_events(99, KEEP).await.expect("handed out").events > 0);
    let told = claim(on, id, 99).await.len();
    assert!(told == after && after >= 2, "{told} of {after} that came after the endpoint, and nothing of before");
}

/// Whoever writes an event while an endpoint is made does not see the endpoint, and writes the event as handed out. So the
/// endpoint is there only once the event is: nobody is promised an event that is not told.
async fn a_new_endpoint_waits_for_events_that_are_being_written(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let district = fixture.district.id;
    let writing = on
        .raw
        .begin(&format!(
            "INSERT INTO events (district_id, kind, body, at, handed_out)
             VALUES ('{district}', 'account.x', '{{}}', 1, TRUE)"
        ))
        .await;
    let ledger = on.another_or_same().await;
    let making = tokio::spawn(async move { ledger.add_webhook(new(district, "console", &["*"]), 20).await });
    if on.raw.is_postgres() {
        until(on, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass", 1).await;
    }
    assert!(!making.is_finished());
    writing.commit().await;
    making.await.expect("no panic").expect("no error").expect("there is room");
}

async fn of_one_subject_only_the_oldest_goes_out(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let id = endpoint(on, &fixture, &["account.credential_reset"]).await;
    resets(on, &fixture).await;
    resets(on, &fixture).await;
    let accounts = on.raw.number("SELECT count(*) FROM events WHERE kind = 'account.credential_reset'").await;
    assert!(accounts >= 4 && accounts % 2 == 0, "{accounts}");
    assert_eq!(on.ledger.hand_out_events(2, KEEP).await.expect("a part").events, 2);
    while on.ledger.hand_out_events(3, KEEP).await.expect("the rest").events > 0 {}

    let first = claim(on, id, 99).await;
    assert_eq!(i64::try_from(first.len()), Ok(accounts / 2), "one for each account");
    assert!(first.iter().all(|delivery| body(delivery)["data"]["credential_version"] == 1));
    assert_eq!(claim(on, id, 99).await, [], "the newer ones wait for those that are claimed");

    settle(on, &first[0], DeliveryFate::Retry(Duration::from_hours(1))).await;
    assert_eq!(claim(on, id, 99).await, [], "and for those that are tried again");
    settle(on, &first[1], DeliveryFate::Delivered).await;
    let next = claim(on, id, 99).await;
    assert_eq!(next.len(), 1, "another account goes on");
    assert_eq!(body(&next[0])["data"]["account"], body(&first[1])["data"]["account"]);
    assert_eq!(body(&next[0])["data"]["credential_version"], 2);
}

async fn a_claim_ends_with_its_lease_and_keeps_the_id(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    let test = on.ledger.test_webhook(fixture.district.id, id).await.expect("a test").expect("it is there");
    let lease = Duration::from_millis(50);
    let claimed = on.ledger.claim_deliveries(id, ClaimOrder::OldestFirst, 9, lease).await.expect("a claim");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].id, test);
    assert_eq!(body(&claimed[0])["type"], "webhook.test");
    // As after a crash: nobody reports.
    let again = loop {
        let again = claim(on, id, 9).await;
        if !again.is_empty() {
            break again;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((again[0].id, &again[0].body), (test, &claimed[0].body), "the same message");
    assert_eq!((again[0].attempts, again[0].fence), (0, claimed[0].fence + 1));
    settle(on, &again[0], DeliveryFate::Untried).await;
    let third = claim(on, id, 9).await;
    assert_eq!((third.len(), third[0].attempts), (1, 0), "what was not tried costs no try");
    assert_eq!(view(on, &fixture, id).await.failures, 0);
}

async fn a_late_failure_does_not_count_and_a_late_success_does(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    let old = on.ledger.claim_deliveries(id, ClaimOrder::DueFirst, 9, Duration::ZERO).await.expect("a claim");
    let new = claim(on, id, 9).await;
    assert_eq!((old.len(), new.len()), (1, 1));
    settle(on, &old[0], DeliveryFate::Retry(Duration::ZERO)).await;
    assert_eq!(claim(on, id, 9).await, [], "the newer claim holds");
    assert_eq!(view(on, &fixture, id).await.failures, 0);
    settle(on, &old[0], DeliveryFate::Delivered).await;
    let seen = view(on, &fixture, id).await;
    assert_eq!((seen.waiting, seen.failures), (0, 0));
    assert!(seen.last_success_at.is_some());
    settle(on, &new[0], DeliveryFate::Retry(Duration::ZERO)).await;
    assert_eq!(view(on, &fixture, id).await.waiting, 0, "what was taken does not come back");
}

async fn an_endpoint_that_only_fails_rests_and_recovers_at_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    for _ in 0..4 {
        on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    }
    let claimed = claim(on, id, 3).await;
    let hour = Duration::from_hours(1);
    let failed: Vec<_> = claimed.iter().map(|delivery| report(delivery, DeliveryFate::Retry(hour))).collect();
    record(on, &failed).await.expect("results");
    let seen = view(on, &fixture, id).await;
    assert_eq!((seen.failures, seen.waiting), (3, 4));
    assert_eq!(seen.last_failure.as_deref(), Some("the endpoint answered 500"));
    assert_eq!(on.ledger.due_webhooks(9).await.expect("due"), [], "it rests, although one message is due");
    let due = loop {
        let due = on.ledger.due_webhooks(9).await.expect("due");
        if !due.is_empty() {
            break due;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((due[0].id, due[0].failures), (id, 3));
    let probe = on.ledger.claim_deliveries(id, ClaimOrder::OldestFirst, 1, LEASE).await.expect("a claim");
    settle(on, &probe[0], DeliveryFate::Delivered).await;
    assert_eq!(view(on, &fixture, id).await.failures, 0);
    let rest = claim(on, id, 9).await;
    assert_eq!(rest.len(), 3, "what had an hour to wait is due at once");
    assert!(rest.iter().all(|delivery| delivery.attempts == 1));
}

async fn a_disabled_endpoint_is_audited_announced_and_enabled_again(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["task.*"]).await;
    let witness = endpoint(on, &fixture, &["webhook.*"]).await;
    forget_events(on).await;
    on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    let claimed = claim(on, id, 9).await;
    settle(on, &claimed[0], DeliveryFate::Disable { reason: "exhausted" }).await;
    let seen = view(on, &fixture, id).await;
    assert_eq!((seen.state, seen.reason.as_deref(), seen.waiting), (WebhookState::Disabled, Some("exhausted"), 1));
    assert_eq!(on.raw.number("SELECT count(*) FROM audit WHERE action = 'webhook.disabled'").await, 1);
    assert_eq!(on.ledger.due_webhooks(9).await.expect("due"), []);

    // What happens meanwhile waits, too; and others may hear that it is disabled.
    accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    on.ledger.hand_out_events(100, KEEP).await.expect("handed out");
    let told = claim(on, witness, 9).await;
    assert_eq!(body(&told[0])["type"], "webhook.disabled");
    assert_eq!(body(&told[0])["data"]["reason"], "exhausted");
    assert_eq!(view(on, &fixture, id).await.waiting, 2);
    // But not for ever.
    accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    on.raw.run(&format!("UPDATE webhooks SET disabled_at = disabled_at - 1000 WHERE id = '{id}'")).await;
    on.ledger.hand_out_events(100, Duration::from_secs(1)).await.expect("handed out");
    assert_eq!(view(on, &fixture, id).await.waiting, 2);

    let enabled = on.ledger.enable_webhook(fixture.district.id, id, "console", KEEP).await.expect("enabled");
    let enabled = enabled.expect("it is there");
    assert_eq!((enabled.state, enabled.reason, enabled.failures, enabled.dropped), (WebhookState::Active, None, 0, 0));
    let claimed = claim(on, id, 9).await;
    assert_eq!(claimed.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [0, 0]);
    on.ledger.enable_webhook(fixture.district.id, id, "console", KEEP).await.expect("nothing to do");
    assert_eq!(claim(on, id, 9).await, [], "enabling an active endpoint takes no claim away");
    assert_eq!(on.raw.number("SELECT count(*) FROM audit WHERE action = 'webhook.enabled'").await, 1);
}

async fn a_rotation_keeps_the_old_secret_for_a_while(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    let due = || async { on.ledger.due_webhooks(9).await.expect("due").remove(0) };
    assert_eq!((due().await.generation, due().await.overlap), (1, false));
    let rotate = |key: &'static str, overlap| async move {
        let rotated = on.ledger.rotate_webhook(fixture.district.id, id, "console", key, overlap).await;
        rotated.expect("no error")
    };
    let rotated = rotate("k1", Duration::from_hours(1)).await.expect("rotated");
    assert_eq!(rotated.generation, 2);
    assert!(rotated.previous_until.is_some());
    assert_eq!((due().await.generation, due().await.overlap), (2, true));
    assert_eq!(rotate("k1", Duration::from_hours(1)).await, None, "a second click must not silence the first secret");
    assert_eq!((due().await.generation, due().await.overlap), (2, true));
    on.raw.run("UPDATE webhooks SET previous_until = previous_until - 7200000").await;
    rotate("k1", Duration::ZERO).await.expect("rotated");
    assert_eq!((due().await.generation, due().await.overlap), (3, false), "the time is over");
    let other = rotate("k2", Duration::from_hours(1)).await.expect("rotated");
    assert_eq!((other.generation, other.key_id.as_str(), other.previous_until), (4, "k2", None), "another master key");
    assert!(!due().await.overlap);
}

async fn old_messages_are_dropped_and_counted(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    for _ in 0..5 {
        on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    }
    on.raw
        .run(
            "UPDATE webhook_deliveries SET created_at = created_at - 90000000
             WHERE seq IN (SELECT seq FROM webhook_deliveries ORDER BY seq LIMIT 3)",
        )
        .await;
    assert_eq!(on.ledger.drop_deliveries(KEEP, 2).await, Ok(2));
    assert_eq!(on.ledger.drop_deliveries(KEEP, 2).await, Ok(1));
    assert_eq!(on.ledger.drop_deliveries(KEEP, 2).await, Ok(0));
    let seen = view(on, &fixture, id).await;
    assert_eq!((seen.waiting, seen.dropped), (2, 3));
    on.raw.run("UPDATE webhooks SET state = 'disabled', disabled_at = 1").await;
    on.raw.run("UPDATE webhook_deliveries SET created_at = 1").await;
    let enabled = on.ledger.enable_webhook(fixture.district.id, id, "console", KEEP).await.expect("enabled");
    assert_eq!(enabled.map(|view| (view.waiting, view.dropped)), Some((0, 5)));
}

async fn a_deleted_endpoint_takes_its_messages_along(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let id = endpoint(on, &fixture, &["*"]).await;
    on.ledger.test_webhook(fixture.district.id, id).await.expect("a test");
    let claimed = claim(on, id, 9).await;
    assert!(on.ledger.remove_webhook(fixture.district.id, id, "console").await.expect("removed"));
    until(on, "SELECT count(*) FROM webhook_deliveries", 0).await;
    settle(on, &claimed[0], DeliveryFate::Retry(Duration::ZERO)).await;
    assert_eq!(on.ledger.due_webhooks(9).await.expect("due"), []);
}
