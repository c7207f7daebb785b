//! New usernames: with the new password, or neither.

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, ItemId};
use keybell_shared::ports::ledger::{
    AccountLedger as _, OutboxLedger as _, ResetLedger as _, ResetOutcome, TaskLedger as _,
};
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with};
use keybell_tests::on_both;
use serde_json::json;

use super::super::flow::{LEASE, caused, claim, pending, reset, until, write};
use super::{left, running, state_of};

on_both!(
    a_new_username_comes_with_the_new_password,
    a_message_says_the_new_username,
    a_username_may_change_in_its_case_alone,
    a_username_of_another_district_is_free,
    a_username_that_another_account_has_fails_the_item_and_changes_nothing,
    of_two_who_want_one_username_the_first_gets_it,
    a_swap_is_refused_and_so_is_a_name_that_is_given_up_in_the_same_group,
    two_workers_that_give_the_same_usernames_give_each_once,
    a_username_that_is_taken_behind_the_commit_fails_the_item_and_no_other,
);

pub(super) const E06: ResetOutcome = ResetOutcome::NotChanged(Decision::Fail(Code::E06));

/// Roster id, username, key, whether an upload gave it, and the credential version.
pub(super) async fn accounts(on: &TestLedger) -> Vec<String> {
    on.raw
        .column(
            "SELECT source_id || ' ' || username || ' ' || username_key || CASE WHEN renamed THEN ' renamed' ELSE '' END
                 || ' ' || credential_version FROM accounts WHERE role = 'student' ORDER BY source_id",
        )
        .await
}

pub(super) async fn rename(on: &TestLedger, fixture: &Fixture, account: AccountId, username: &str) {
    let (_, items) = running(on, fixture, &[(account, Some(username))]).await;
    assert!(matches!(reset(on, &items).await[0].1, ResetOutcome::Changed(_)), "{username}");
}

async fn a_new_username_comes_with_the_new_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let district = fixture.district.id;
    let (task, items) =
        running(on, &fixture, &[(fixture.pupils[0], Some("Mia.Jensen")), (fixture.pupils[1], None)]).await;
    reset(on, &items).await;
    assert_eq!(accounts(on).await, ["p1 Mia.Jensen mia.jensen renamed 1", "p2 p2 p2 1"]);
    let sign_in = on.ledger.sign_in(district, "MIA.jensen").await.expect("sign-in").expect("there");
    assert_eq!(sign_in.hash, Some(format!("$argon2id$of-item-{}", items[0])));
    assert!(on.ledger.sign_in(district, "p1").await.expect("sign-in").is_none(), "the old name is free");
    let events = on.ledger.unsent_events(100).await.expect("events");
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "account.credential_reset")
        .map(|event| (event.body["account"].clone(), event.body.get("username").cloned()))
        .collect();
    assert_eq!(
        told,
        [(json!(fixture.pupils[0]), Some(json!("Mia.Jensen"))), (json!(fixture.pupils[1]), None)],
        "only what changed"
    );
    let audited = on.raw.column("SELECT detail FROM audit WHERE action = 'account.reset' ORDER BY id").await;
    let detail = |place: usize| format!("task {task}, item {}, version 1", items[place]);
    assert_eq!(audited, [format!("{}, username changed from \"p1\" to \"Mia.Jensen\"", detail(0)), detail(1)]);
    assert_eq!(left(on, task).await, 0);
}

async fn a_message_says_the_new_username(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (_, items) = running(on, &fixture, &[(fixture.pupils[0], Some("mia.jensen"))]).await;
    let notifications = caused(&reset(on, &items).await);
    let claims = claim(on, &notifications, LEASE).await;
    assert_eq!(claims[0].content.username, "mia.jensen");
}

async fn a_username_may_change_in_its_case_alone(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    rename(on, &fixture, fixture.pupils[0], "P1").await;
    // What it is called already is no change.
    rename(on, &fixture, fixture.pupils[1], "p2").await;
    assert_eq!(accounts(on).await, ["p1 P1 p1 renamed 1", "p2 p2 p2 1"]);
    assert_eq!(on.raw.number("SELECT count(*) FROM audit WHERE detail LIKE '%username changed from%'").await, 1);
}

async fn a_username_of_another_district_is_free(on: &TestLedger) {
    let (fixture, _other) = (district_with(&*on.ledger, 1).await, district_with(&*on.ledger, 9).await);
    rename(on, &fixture, fixture.pupils[0], "p7").await;
}

async fn a_username_that_another_account_has_fails_the_item_and_changes_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (task, items) =
        running(on, &fixture, &[(fixture.pupils[0], Some("P3")), (fixture.pupils[1], Some("fresh.name"))]).await;
    let outcomes = reset(on, &items).await;
    assert_eq!(outcomes[0], (items[0], E06));
    assert!(matches!(outcomes[1].1, ResetOutcome::Changed(_)), "the rest of the group goes on");
    assert_eq!(state_of(on, &fixture, task, items[0]).await, (ItemState::Failed, Some(Code::E06)));
    assert_eq!(accounts(on).await, ["p1 p1 p1 0", "p2 fresh.name fresh.name renamed 1", "p3 p3 p3 0"]);
    let untouched = format!(
        "SELECT count(*) FROM accounts WHERE id = '{}' AND password_hash IS NULL AND sessions_valid_after IS NULL
             AND last_reset_seq = 0 AND NOT must_change",
        fixture.pupils[0]
    );
    assert_eq!(on.raw.number(&untouched).await, 1);
    for table in ["sealed_passwords", "notifications", "uploaded_passwords"] {
        let of = format!("SELECT count(*) FROM {table} WHERE account_id = '{}'", fixture.pupils[0]);
        assert_eq!(on.raw.number(&of).await, 0, "{table}");
    }
    let about = format!("SELECT count(*) FROM audit WHERE subject = 'account {}'", fixture.pupils[0]);
    assert_eq!(on.raw.number(&about).await, 0);
    assert_eq!(on.raw.number("SELECT count(*) FROM events WHERE kind = 'account.credential_reset'").await, 1);
    let counts = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.open, counts.failed, counts.telling, counts.total()), (0, 1, 1, 2));
}

async fn of_two_who_want_one_username_the_first_gets_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, items) =
        running(on, &fixture, &[(fixture.pupils[0], Some("the.name")), (fixture.pupils[1], Some("The.Name"))]).await;
    let outcomes = reset(on, &items).await;
    assert!(matches!(outcomes[0].1, ResetOutcome::Changed(_)));
    assert_eq!(outcomes[1], (items[1], E06));
    assert_eq!(accounts(on).await, ["p1 the.name the.name renamed 1", "p2 p2 p2 0"]);
}

async fn a_swap_is_refused_and_so_is_a_name_that_is_given_up_in_the_same_group(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let names = ["p2", "p1", "p4", "free.name"];
    let rows: Vec<_> = fixture.pupils.iter().zip(names).map(|(&account, name)| (account, Some(name))).collect();
    let (task, items) = running(on, &fixture, &rows).await;
    let outcomes = reset(on, &items).await;
    let refused: Vec<ItemId> = outcomes.iter().filter(|(_, outcome)| *outcome == E06).map(|(item, _)| *item).collect();
    assert_eq!(refused, items[..3]);
    let now = accounts(on).await;
    assert_eq!(now, ["p1 p1 p1 0", "p2 p2 p2 0", "p3 p3 p3 0", "p4 free.name free.name renamed 1"]);
    assert_eq!(left(on, task).await, 0);
    // Now it is free.
    rename(on, &fixture, fixture.pupils[2], "p4").await;
}

async fn two_workers_that_give_the_same_usernames_give_each_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 40).await;
    let other = on.another_or_same().await;
    let names: Vec<String> = (0..20).map(|n| format!("shared.{n}")).collect();
    let (ours, theirs) = fixture.pupils.split_at(20);
    // In opposite orders, so that each waits for the other.
    let ours: Vec<_> = ours.iter().zip(&names).map(|(&who, name)| (who, Some(name.as_str()))).collect();
    let theirs: Vec<_> = theirs.iter().zip(names.iter().rev()).map(|(&who, name)| (who, Some(name.as_str()))).collect();
    let (one, our_items) = running(on, &fixture, &ours).await;
    let (two, their_items) = running(on, &fixture, &theirs).await;
    let our_writes: Vec<_> = on.ledger.reset_jobs(&our_items).await.expect("jobs").iter().map(write).collect();
    let their_writes: Vec<_> = on.ledger.reset_jobs(&their_items).await.expect("jobs").iter().map(write).collect();
    let (a, b) = tokio::join!(on.ledger.commit_resets("l", &our_writes), other.commit_resets("r", &their_writes));
    let outcomes: Vec<_> = a.expect("ours").into_iter().chain(b.expect("theirs")).collect();
    assert_eq!(outcomes.len(), 40, "none is left out");
    assert_eq!(outcomes.iter().filter(|(_, outcome)| *outcome == E06).count(), 20);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE renamed AND credential_version = 1").await, 20);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE credential_version = 1").await, 20);
    assert!(pending(on, one).await.is_empty() && pending(on, two).await.is_empty());
}

async fn a_username_that_is_taken_behind_the_commit_fails_the_item_and_no_other(on: &TestLedger) {
    if !on.raw.is_postgres() {
        // There the transaction is the only writer: nothing happens behind it.
        return;
    }
    let fixture = district_with(&*on.ledger, 4).await;
    for (round, together) in [(0, true), (1, false)] {
        let name = format!("wanted.{round}");
        let rows = [(fixture.pupils[0], Some(name.as_str())), (fixture.pupils[1], None)];
        let (task, items) = running(on, &fixture, &rows).await;
        let items = if together { items } else { items[..1].to_vec() };
        let writes: Vec<_> = on.ledger.reset_jobs(&items).await.expect("jobs").iter().map(write).collect();
        let raw = on.raw.clone();
        let open = format!(
            "BEGIN; UPDATE accounts SET username = '{name}', username_key = '{name}' WHERE id = '{}';
             SELECT pg_sleep(0.5) AS taken; COMMIT",
            fixture.pupils[2 + round]
        );
        let other = tokio::spawn(async move { raw.run(&open).await });
        until(
            on,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
            1,
        )
        .await;
        // The look finds the name free, the write waits for the other transaction and is refused, the next look finds out.
        let outcomes = on.ledger.commit_resets("w", &writes).await.expect("a commit");
        other.await.expect("the other transaction");
        assert_eq!(outcomes[0], (items[0], E06));
        assert_eq!(outcomes.len(), items.len());
        assert!(outcomes[1..].iter().all(|(_, outcome)| matches!(outcome, ResetOutcome::Changed(_))));
        assert_eq!(state_of(on, &fixture, task, items[0]).await, (ItemState::Failed, Some(Code::E06)));
    }
    let now = accounts(on).await;
    assert_eq!(now, ["p1 p1 p1 0", "p2 p2 p2 1", "p3 wanted.0 wanted.0 0", "p4 wanted.1 wanted.1 0"]);
}
