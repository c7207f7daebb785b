//! The lease.

use std::time::Duration;

use keybell_shared::error::LedgerError;
use keybell_shared::ports::ledger::LeaderLedger;
use keybell_tests::ledgers::TestLedger;
use keybell_tests::on_both;

on_both!(
    a_lease_has_one_holder_who_may_prolong_it,
    a_resigned_or_expired_lease_is_free,
    two_who_want_it_at_once_never_both_get_it,
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

async fn a_ledger_without_its_migrations_says_what_to_do(test: &TestLedger) {
    test.ledger.ping().await.expect("a migrated ledger answers");
    test.raw.run("DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)").await;
    let behind = test.ledger.ping().await.expect_err("one migration is missing");
    assert!(matches!(&behind, LedgerError::Defect(reason) if reason.contains("keybell migrate")), "{behind}");
    test.raw.run("DROP TABLE _sqlx_migrations").await;
    let empty = test.ledger.ping().await.expect_err("none was ever applied");
    assert!(matches!(&empty, LedgerError::Defect(reason) if reason.contains("keybell migrate")), "{empty}");
}
