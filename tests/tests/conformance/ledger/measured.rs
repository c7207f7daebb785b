//! What is only measured: how old the oldest work is, and which traces tasks belong to.

use std::time::Duration;

use keybell_shared::ports::ledger::{Backlog, DispatchLedger as _, OutboxLedger as _};
use keybell_tests::ledgers::{TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

on_both!(the_oldest_waiting_work_is_measured, traces_of_tasks_are_kept_and_strange_ones_ignored);

async fn the_oldest_waiting_work_is_measured(test: &TestLedger) {
    let ledger = &test.ledger;
    assert_eq!(ledger.backlog().await.expect("nothing"), Backlog::default());
    let fixture = district_with(&**ledger, 3).await;
    task(&**ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    let fresh = ledger.backlog().await.expect("a backlog");
    assert_eq!((fresh.reset, fresh.events_waiting), (Duration::ZERO, 2), "pending items wait for nobody");
    test.raw.run("UPDATE items SET state = 'queued', queued_at = changed_at - 90000").await;
    test.raw.run("UPDATE events SET at = at - 50000").await;
    let old = ledger.backlog().await.expect("a backlog");
    let about = |age: Duration, seconds: u64| age.as_secs() >= seconds && age.as_secs() < seconds + 60;
    assert!(about(old.reset, 90) && about(old.events, 50), "{old:?}");
    assert_eq!((old.email, old.sms, old.webhooks), (Duration::ZERO, Duration::ZERO, Duration::ZERO));
}

async fn traces_of_tasks_are_kept_and_strange_ones_ignored(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 1).await;
    let asked = request(json!({"selection": {"scope": "all"}}));
    let traced = task(&**ledger, &fixture.admin(), asked.clone()).await;
    let strange = task(&**ledger, &fixture.admin(), asked.clone()).await;
    let untraced = task(&**ledger, &fixture.admin(), asked).await;
    let place = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    test.raw.run(&format!("UPDATE tasks SET trace = '{place}' WHERE id = '{traced}'")).await;
    test.raw.run(&format!("UPDATE tasks SET trace = 'no trace' WHERE id = '{strange}'")).await;
    let found = ledger.traces(&[traced, strange, untraced]).await.expect("traces");
    assert_eq!(found, [(traced, place.parse().expect("valid"))]);
}
