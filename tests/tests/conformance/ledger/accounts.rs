//! Signing in, and the password that a person chooses.

use std::time::Duration;

use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{AccountLedger, OutboxLedger, RosterLedger, SignIn};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow;

on_both!(
    a_crowd_of_tries_does_not_slip_through,
    a_sign_in_knows_its_account_in_its_district_only,
    a_managed_or_inactive_account_is_not_usable,
    wrong_passwords_wait_longer_and_longer,
    a_chosen_password_replaces_and_silences_the_one_of_the_reset,
    a_chosen_password_needs_the_version_that_was_seen,
    of_two_chosen_passwords_one_is_stored,
    a_repeated_change_is_recognised,
);

async fn sign_in(test: &TestLedger, fixture: &Fixture, username: &str) -> SignIn {
    test.ledger.sign_in(fixture.district.id, username).await.expect("sign-in").expect("the account is there")
}

async fn a_sign_in_knows_its_account_in_its_district_only(test: &TestLedger) {
    let ledger = &test.ledger;
    let (ours, theirs) = (district_with(&**ledger, 2).await, district_with(&**ledger, 1).await);
    let found = sign_in(test, &ours, "P1").await;
    assert_eq!((found.account, found.username.as_str()), (ours.pupils[0], "p1"));
    assert_eq!((found.hash.as_deref(), found.credential_version), (None, 0));
    assert!(found.usable && !found.must_change && !found.expired);
    assert_eq!((found.expires_at, found.sessions_valid_after, found.throttled_for), (None, None, None));
    let names = ["p1", "North", "School", "North School", "Riverside", "District", "Riverside District"];
    assert_eq!(found.forbidden, names, "the username, words longer than four letters, and whole names");

    assert_eq!(sign_in(test, &theirs, "p1").await.account, theirs.pupils[0], "the same name, another person");
    let elsewhere = ledger.sign_in(theirs.district.id, "p2").await.expect("sign-in");
    assert!(elsewhere.is_none(), "p2 is of the other district");
}

async fn a_managed_or_inactive_account_is_not_usable(test: &TestLedger) {
    let fixture = district_with(&*test.ledger, 2).await;
    let (mut managed, mut gone) = (pupil(1), pupil(2));
    managed.managed_by = Some("clever".to_owned());
    gone.active = false;
    test.ledger.put_people(fixture.district.id, &[managed, gone]).await.expect("people");
    for name in ["p1", "p2"] {
        let found = sign_in(test, &fixture, name).await;
        assert!(!found.usable, "{name}");
        let changed = test.ledger.change_password("api", found.account, 0, "$hash$").await.expect("change");
        assert!(!changed, "{name}");
    }
}

async fn wrong_passwords_wait_longer_and_longer(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 2).await;
    let account = fixture.pupils[0];
    for _ in 0..4 {
        assert_eq!(ledger.try_sign_in(account).await, Ok(true));
    }
    assert_eq!(sign_in(test, &fixture, "p1").await.throttled_for, None, "four are free");
    // The wait is measured where it is stored: how long after the statement it ends.
    for (wrong, seconds) in [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32)] {
        over(test, account).await;
        let before = now(test).await;
        assert_eq!(ledger.try_sign_in(account).await, Ok(true));
        let until = test.raw.number(&format!("SELECT throttled_until FROM accounts WHERE id = '{account}'")).await;
        assert!((before + seconds * 1_000..=now(test).await + seconds * 1_000).contains(&until), "wrong no. {wrong}");
    }
    let wait = sign_in(test, &fixture, "p1").await.throttled_for.expect("a wait");
    assert!(wait <= Duration::from_secs(32) && wait > Duration::from_secs(1));
    assert_eq!(ledger.try_sign_in(account).await, Ok(false), "not while it waits");
    for _ in 0..30 {
        over(test, account).await;
        assert_eq!(ledger.try_sign_in(account).await, Ok(true));
    }
    let wait = sign_in(test, &fixture, "p1").await.throttled_for.expect("a wait");
    assert!(wait <= Duration::from_mins(15) && wait > Duration::from_secs(800), "at most 15 minutes: {wait:?}");
    assert_eq!(sign_in(test, &fixture, "p2").await.throttled_for, None, "nobody else waits");

    ledger.sign_in_succeeded(account).await.expect("succeeded");
    assert_eq!(sign_in(test, &fixture, "p1").await.throttled_for, None);
    assert_eq!(ledger.try_sign_in(account).await, Ok(true));
    assert_eq!(sign_in(test, &fixture, "p1").await.throttled_for, None, "the count starts anew");
}

/// Lets the account's wait be over.
async fn over(test: &TestLedger, account: AccountId) {
    test.raw.run(&format!("UPDATE accounts SET throttled_until = 0 WHERE id = '{account}'")).await;
}

async fn a_crowd_of_tries_does_not_slip_through(test: &TestLedger) {
    let fixture = district_with(&*test.ledger, 1).await;
    let other = test.another_or_same().await;
    let account = fixture.pupils[0];
    let tries = (0..40).map(|n| {
        let ledger = if n % 2 == 0 { test.ledger.clone() } else { other.clone() };
        tokio::spawn(async move { ledger.try_sign_in(account).await.expect("counted") })
    });
    let mut looked_at = 0;
    for tried in tries.collect::<Vec<_>>() {
        looked_at += usize::from(tried.await.expect("a try"));
    }
    assert_eq!(looked_at, 5, "the fifth makes everybody else wait");
}

/// The database's clock.
async fn now(test: &TestLedger) -> i64 {
    let postgres = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
    let sqlite = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    test.raw.number(if test.raw.is_postgres() { postgres } else { sqlite }).await
}

async fn a_chosen_password_replaces_and_silences_the_one_of_the_reset(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 3).await;
    let pupils = json!({"selection": {"scope": "selected", "accounts": ["p1", "p2"]}, "channel": "email"});
    let task = task(&**ledger, &fixture.admin(), request(pupils)).await;
    flow::reset(test, &flow::pending(test, task).await).await;
    let before = sign_in(test, &fixture, "p1").await;
    assert_eq!((before.credential_version, before.must_change), (1, true));
    assert!(before.expires_at.is_some() && before.sessions_valid_after.is_some());

    assert!(ledger.change_password("api", before.account, 1, "$mine$").await.expect("change"));
    let after = sign_in(test, &fixture, "p1").await;
    assert_eq!((after.hash.as_deref(), after.credential_version, after.must_change), (Some("$mine$"), 2, false));
    assert_eq!((after.expires_at, after.expired), (None, false));
    assert!(after.sessions_valid_after >= before.sessions_valid_after);

    let rows = test
        .raw
        .rows(
            "SELECT n.state, i.state, i.code FROM notifications n JOIN items i ON i.id = n.item_id
                              ORDER BY n.id",
        )
        .await;
    assert_eq!(rows[0], ["superseded", "silent", "S06"], "p1's own");
    assert_eq!(rows[1], ["waiting", "reset", "NULL"], "p2's is untouched");
    let sealed = test.raw.column("SELECT account_id FROM sealed_passwords").await;
    assert_eq!(sealed, [fixture.pupils[1].to_string()], "what was sealed for p1 is gone");
    let sums = "SELECT CAST(SUM(telling) AS BIGINT), CAST(SUM(silent) AS BIGINT) FROM counters";
    assert_eq!(test.raw.rows(sums).await, [["1", "1"]]);

    let events = ledger.unsent_events(100).await.expect("events");
    let changed = events.iter().find(|event| event.kind == "account.password_changed").expect("the event");
    assert_eq!(changed.body, json!({"account": before.account, "credential_version": 2}));
    let audit = test.raw.rows("SELECT actor, subject FROM audit WHERE action = 'account.password_changed'").await;
    assert_eq!(audit, [["api".to_owned(), format!("account {}", before.account)]]);
}

async fn a_chosen_password_needs_the_version_that_was_seen(test: &TestLedger) {
    let ledger = &test.ledger;
    let account = district_with(&**ledger, 1).await.pupils[0];
    assert!(ledger.change_password("api", account, 0, "$one$").await.expect("change"));
    assert!(!ledger.change_password("api", account, 0, "$two$").await.expect("change"), "a newer one is stored");
    assert!(!ledger.change_password("api", account, 5, "$two$").await.expect("change"));
    assert!(!ledger.change_password("api", AccountId::fresh(), 0, "$two$").await.expect("change"), "nobody");
    assert_eq!(hash(test, account).await, "$one$");
}

async fn hash(test: &TestLedger, account: AccountId) -> String {
    test.raw.text(&format!("SELECT password_hash FROM accounts WHERE id = '{account}'")).await
}

async fn of_two_chosen_passwords_one_is_stored(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let fixture = district_with(&**one, 10).await;
    for account in &fixture.pupils {
        let (a, b) = tokio::join!(
            one.change_password("api-1", *account, 0, "$one$"),
            two.change_password("api-2", *account, 0, "$two$")
        );
        let (a, b) = (a.expect("change"), b.expect("change"));
        assert!(a ^ b, "one of them");
        assert_eq!(hash(test, *account).await, if a { "$one$" } else { "$two$" });
    }
    let events = "SELECT count(*) FROM events WHERE kind = 'account.password_changed'";
    assert_eq!(test.raw.number(events).await, 10, "one event each");
}

async fn a_repeated_change_is_recognised(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 1).await;
    let account = fixture.pupils[0];
    assert!(ledger.change_password("api", account, 0, "$salted$").await.expect("change"));
    assert!(ledger.change_password("api", account, 0, "$salted$").await.expect("change"), "its answer was lost");
    assert_eq!(sign_in(test, &fixture, "p1").await.credential_version, 1, "it was stored once");
}
