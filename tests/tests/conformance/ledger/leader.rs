//! The lease.

use std::time::Duration;

use keybell_shared::error::LedgerError;
use keybell_shared::ports::ledger::{LeaderLedger, OutboxLedger as _, Pulse, TaskLedger as _};
use keybell_tests::ledgers::{TestLedger, accept, district_with, expand, request};
use keybell_tests::on_both;
use serde_json::json;

on_both!(
    a_lease_has_one_holder_who_may_prolong_it,
    a_resigned_or_expired_lease_is_free,
    two_who_want_it_at_once_never_both_get_it,
    a_pulse_says_what_waits_for_which_loop,
    a_ledger_without_its_migrations_says_what_to_do,
);

const LONG: Duration = Duration::from_mins(1);

async fn a_lease_has_one_holder_who_may_prolong_it(test: &TestLedger) {
    let ledger = &test.ledger;
    assert!(ledger.lead("scheduler", "a", LONG).await.expect("lead"));
    assert!(!ledger.lead("scheduler", "b", LONG).await.expect("lead"));
    assert!(ledger.lead("scheduler", "a", LONG * 2).await.expect("lead"), "the holder prolongs");
    assert!(ledger.lead("another lease", "b", LONG).await.expect("lead"));
    // Who does not hold it cannot give it back.
    ledger.resign("scheduler", "b").await.expect("resign");
    assert!(!ledger.lead("scheduler", "b", LONG).await.expect("lead"));
}

async fn a_resigned_or_expired_lease_is_free(test: &TestLedger) {
    let ledger = &test.ledger;
    assert!(ledger.lead("scheduler", "a", LONG).await.expect("lead"));
    ledger.resign("scheduler", "a").await.expect("resign");
    assert!(ledger.lead("scheduler", "b", LONG).await.expect("lead"));
    test.raw.run("UPDATE leases SET held_until = 1").await;
    assert!(ledger.lead("scheduler", "c", LONG).await.expect("lead"));
    assert!(!ledger.lead("scheduler", "b", LONG).await.expect("lead"), "the old holder has lost it");
}

async fn two_who_want_it_at_once_never_both_get_it(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    for round in 0..20 {
        let lease = format!("lease {round}");
        let (a, b) = tokio::join!(one.lead(&lease, "a", LONG), two.lead(&lease, "b", LONG));
        assert!(a.expect("lead") ^ b.expect("lead"), "round {round}: exactly one");
    }
}

/// The waves are asked about in `waves.rs`, where there are some.
async fn a_pulse_says_what_waits_for_which_loop(test: &TestLedger) {
    let ledger = &test.ledger;
    let nothing = Pulse { expanding: false, waves: false, closable: false, unsent: false, not_handed_out: false };
    let fixture = district_with(&**ledger, 2).await;
    assert_eq!(ledger.pulse().await, Ok(nothing));
    let task = accept(&**ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    assert_eq!(ledger.pulse().await, Ok(Pulse { expanding: true, unsent: true, ..nothing }));
    let events: Vec<i64> = ledger.unsent_events(10).await.expect("events").iter().map(|event| event.id).collect();
    ledger.events_sent(&events).await.expect("sent");
    assert_eq!(ledger.pulse().await, Ok(Pulse { expanding: true, ..nothing }));
    expand(&**ledger, task).await;
    test.raw.run("UPDATE events SET sent = TRUE, handed_out = TRUE").await;
    assert_eq!(ledger.pulse().await, Ok(nothing), "its items are open");
    test.raw.run("UPDATE items SET state = 'notified', code = 'N00'").await;
    assert_eq!(ledger.pulse().await, Ok(Pulse { closable: true, ..nothing }));
    assert_eq!(ledger.finish(10).await.map(|closed| closed.len()), Ok(1));
    test.raw.run("UPDATE events SET sent = TRUE, handed_out = FALSE").await;
    assert_eq!(ledger.pulse().await, Ok(Pulse { not_handed_out: true, ..nothing }));
    test.raw.run("UPDATE events SET handed_out = TRUE").await;
    test.raw.run("UPDATE tasks SET state = 'cancelling'").await;
    assert_eq!(ledger.pulse().await, Ok(Pulse { closable: true, ..nothing }), "nothing of it is open");
    test.raw.run("UPDATE items SET state = 'reset'").await;
    assert_eq!(ledger.pulse().await, Ok(nothing), "a cancel that waits for people to be told is nothing to do");
}

async fn a_ledger_without_its_migrations_says_what_to_do(test: &TestLedger) {
    test.ledger.ping().await.expect("a migrated ledger answers");
    test.raw.run("DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)").await;
    let behind = test.ledger.ping().await.expect_err("one migration is missing");
    assert!(matches!(&behind, LedgerError::Defect(reason) if reason.contains("keybell migrate")), "{behind}");
    test.raw.run("DROP TABLE _sqlx_migrations").await;
    let empty = test.ledger.ping().await.expect_err("none was ever applied");
    assert!(matches!(&empty, LedgerError::Defect(reason) if reason.contains("keybell migrate")), "{empty}");
}
