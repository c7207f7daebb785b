//! Dispatching items and changing passwords.

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::ports::ledger::{
    AccountLedger as _, DispatchLedger as _, ItemFilter, OutboxLedger as _, ResetLedger as _, ResetOutcome,
    TaskLedger as _,
};
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{caused, pending, reset, write};

on_both!(
    items_are_queued_once_and_only_while_the_task_runs,
    a_reset_changes_everything_at_once,
    a_repeated_reset_changes_nothing,
    two_workers_on_the_same_items_change_each_password_once,
    a_cancel_and_a_commit_race_for_each_item,
    a_newer_task_supersedes_an_older_one,
    whoever_became_ineligible_is_skipped,
    a_write_without_a_password_is_held,
    one_bad_row_does_not_keep_the_group,
    nobody_to_tell_is_undelivered_and_silence_is_silent,
    a_paused_task_holds_its_items,
);

fn everybody() -> keybell_shared::request::ResetRequest {
    request(json!({"selection": {"scope": "all"}, "channel": "email"}))
}

async fn state_of(on: &TestLedger, district: DistrictId, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(district, task, ItemFilter::default(), 1_000).await.expect("items");
    let found = items.iter().find(|known| known.id == item).expect("the item");
    (found.state, found.code)
}

async fn items_are_queued_once_and_only_while_the_task_runs(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 10).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let runnable = on.ledger.runnable(10, &[]).await.expect("runnable");
    assert_eq!(
        runnable.iter().map(|known| (known.task, known.district)).collect::<Vec<_>>(),
        [(task, fixture.district.id)]
    );
    let items = pending(on, task).await;
    assert_eq!(on.ledger.mark_queued(&items[..4]).await, Ok(4));
    assert_eq!(on.ledger.mark_queued(&items[..6]).await, Ok(2), "what is queued stays as it is");
    assert_eq!(on.ledger.queued(100).await, Ok(6));
    assert_eq!(on.ledger.queued(3).await, Ok(3), "counted up to the limit");
    on.ledger.pause(fixture.district.id, task, "me").await.expect("paused");
    assert_eq!(on.ledger.mark_queued(&items).await, Ok(0), "a paused task queues nothing");
    assert!(on.ledger.runnable(10, &[]).await.expect("runnable").is_empty());
    on.ledger.hold(&items).await.expect("held");
    assert_eq!(on.ledger.queued(100).await, Ok(0));
    on.ledger.resume(fixture.district.id, task, "me").await.expect("resumed");
    let again = on.ledger.pending(task, None, 1).await.expect("pending");
    assert_eq!(again[0].1, 2, "the second dispatch of this item");
}

async fn a_reset_changes_everything_at_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let jobs = on.ledger.reset_jobs(&items[..1]).await.expect("jobs");
    assert_eq!(
        (jobs[0].decision, jobs[0].account, jobs[0].grade.as_deref()),
        (Decision::Reset, fixture.pupils[0], Some("05"))
    );
    let outcomes = reset(on, &items[..1]).await;
    assert_eq!(caused(&outcomes).len(), 1);
    assert_eq!(state_of(on, district, task, items[0]).await, (ItemState::Reset, None));
    let sign_in = on.ledger.sign_in(district, "p1").await.expect("sign-in").expect("there");
    assert_eq!((sign_in.credential_version, sign_in.must_change, sign_in.expired), (1, true, false));
    assert_eq!(sign_in.hash, Some(format!("$argon2id$of-item-{}", items[0])));
    assert!(sign_in.expires_at.is_some() && sign_in.sessions_valid_after.is_some());
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 1);
    let events = on.ledger.unsent_events(100).await.expect("events");
    assert!(events.iter().any(|event| event.kind == "account.credential_reset"));
    assert_eq!(on.raw.number("SELECT count(*) FROM audit WHERE action = 'account.reset'").await, 1);
    let counts = on.ledger.task(district, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.open, counts.telling, counts.total()), (4, 1, 5));
}

async fn a_repeated_reset_changes_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let first = caused(&reset(on, &items).await);
    let again = reset(on, &items).await;
    assert!(again.iter().all(|(_, outcome)| *outcome == ResetOutcome::NotChanged(Decision::Closed)));
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let waiting: usize = jobs.iter().map(|job| job.waiting.len()).sum();
    assert_eq!(waiting, first.len(), "a redelivery finds the notifications to publish again");
    assert_eq!(on.raw.number("SELECT max(credential_version) FROM accounts").await, 1);
}

async fn two_workers_on_the_same_items_change_each_password_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 20).await;
    let other = on.another_or_same().await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let (left, mut right): (Vec<_>, Vec<_>) = (jobs.iter().map(write).collect(), jobs.iter().map(write).collect());
    right.reverse();
    let (left, right) = tokio::join!(on.ledger.commit_resets("l", &left), other.commit_resets("r", &right));
    let changed = |outcomes: &[(ItemId, ResetOutcome)]| {
        outcomes.iter().filter(|(_, outcome)| matches!(outcome, ResetOutcome::Changed(_))).count()
    };
    assert_eq!(changed(&left.expect("left")) + changed(&right.expect("right")), items.len());
    let twice = on.raw.number("SELECT count(*) FROM accounts WHERE credential_version > 1").await;
    assert_eq!(twice, 0);
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.progress.counts.open, view.progress.counts.total()), (0, 27));
}

async fn a_cancel_and_a_commit_race_for_each_item(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 30).await;
    let other = on.another_or_same().await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let writes: Vec<_> = jobs.iter().map(write).collect();
    let (cancelled, ()) = tokio::join!(other.cancel(fixture.district.id, task, "me"), async {
        for group in writes.chunks(4) {
            on.ledger.commit_resets("w", group).await.expect("a commit");
        }
    });
    assert!(matches!(cancelled, Ok(Some(TaskState::Cancelling | TaskState::Cancelled))));
    let versions = || on.raw.number("SELECT CAST(sum(credential_version) AS BIGINT) FROM accounts");
    let changed = versions().await;
    for group in writes.chunks(7) {
        on.ledger.commit_resets("w", group).await.expect("a commit");
    }
    assert_eq!(versions().await, changed, "after cancel has answered, nothing changes");
    let counts = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.open, counts.telling, counts.cancelled), (0, changed - counts.undelivered, 41 - changed));
}

async fn a_newer_task_supersedes_an_older_one(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (district, admin) = (fixture.district.id, fixture.admin());
    let older = task(&*on.ledger, &admin, everybody()).await;
    let newer = task(&*on.ledger, &admin, everybody()).await;
    let (old_items, new_items) = (pending(on, older).await, pending(on, newer).await);
    reset(on, &new_items[..1]).await;
    let outcomes = reset(on, &old_items[..1]).await;
    assert_eq!(outcomes[0].1, ResetOutcome::NotChanged(Decision::Supersede));
    assert_eq!(state_of(on, district, older, old_items[0]).await, (ItemState::Superseded, Some(Code::S06)));
    // The other way round both change it, and the newer one wins.
    reset(on, &old_items[1..2]).await;
    reset(on, &new_items[1..2]).await;
    let sign_in = on.ledger.sign_in(district, "p2").await.expect("sign-in").expect("there");
    assert_eq!(sign_in.hash, Some(format!("$argon2id$of-item-{}", new_items[1])));
    assert_eq!(sign_in.credential_version, 2);
}

async fn whoever_became_ineligible_is_skipped(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let jobs = on.ledger.reset_jobs(&items[..3]).await.expect("jobs");
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id = '{}'", fixture.pupils[0])).await;
    on.raw.run(&format!("UPDATE accounts SET managed_by = 'x' WHERE id = '{}'", fixture.pupils[1])).await;
    let writes: Vec<_> = jobs.iter().map(write).collect();
    let outcomes = on.ledger.commit_resets("w", &writes).await.expect("a commit");
    let skipped: Vec<_> = outcomes
        .iter()
        .filter_map(|(item, outcome)| match outcome {
            ResetOutcome::NotChanged(Decision::Skip(code)) => Some((*item, *code)),
            ResetOutcome::NotChanged(_) | ResetOutcome::Changed(_) => None,
        })
        .collect();
    assert_eq!(skipped, [(items[0], Code::S03), (items[1], Code::S01)]);
    let version = |account: AccountId| format!("SELECT credential_version FROM accounts WHERE id = '{account}'");
    assert_eq!(on.raw.number(&version(fixture.pupils[0])).await, 0, "untouched");
    assert_eq!(on.raw.number(&version(fixture.pupils[2])).await, 1);
}

async fn a_write_without_a_password_is_held(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    on.ledger.mark_queued(&items).await.expect("queued");
    let jobs = on.ledger.reset_jobs(&items[..1]).await.expect("jobs");
    let mut empty = write(&jobs[0]);
    empty.hash.clear();
    let outcomes = on.ledger.commit_resets("w", &[empty]).await.expect("a commit");
    assert_eq!(outcomes, [(items[0], ResetOutcome::NotChanged(Decision::Hold))]);
    assert!(pending(on, task).await.contains(&items[0]), "the next dispatch brings a password");
}

async fn one_bad_row_does_not_keep_the_group(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    // A sealed password that is there already makes this row break its primary key.
    on.raw
        .run(&format!(
            "INSERT INTO sealed_passwords (item_id, account_id, attempt_id, key_id, sealed, expires_at)
             VALUES ({}, '{}', '{}', 'k', '00', 0)",
            items[1],
            fixture.pupils[1],
            uuid::Uuid::now_v7()
        ))
        .await;
    let outcomes = reset(on, &items[..4]).await;
    let changed: Vec<ItemId> = outcomes.iter().map(|(item, _)| *item).collect();
    assert_eq!(changed, [items[0], items[2], items[3]], "the bad one is left out of the answer");
    assert_eq!(state_of(on, fixture.district.id, task, items[1]).await.0, ItemState::Pending);
}

async fn nobody_to_tell_is_undelivered_and_silence_is_silent(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let district = fixture.district.id;
    on.raw.run(&format!("UPDATE accounts SET email = NULL WHERE id = '{}'", fixture.pupils[0])).await;
    let told = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, told).await;
    reset(on, &items[..1]).await;
    assert_eq!(state_of(on, district, told, items[0]).await, (ItemState::Undelivered, Some(Code::N02)));
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 1, "kept, so that it can be handed over");
    let mut quiet = everybody();
    quiet.notify = keybell_shared::request::NotifyRule::Never;
    let silent = task(&*on.ledger, &fixture.admin(), quiet).await;
    let items = pending(on, silent).await;
    reset(on, &items[1..2]).await;
    assert_eq!(state_of(on, district, silent, items[1]).await, (ItemState::Silent, Some(Code::N01)));
}

async fn a_paused_task_holds_its_items(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    on.ledger.mark_queued(&items).await.expect("queued");
    on.ledger.pause(fixture.district.id, task, "me").await.expect("paused");
    let outcomes = reset(on, &items).await;
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == ResetOutcome::NotChanged(Decision::Hold)));
    assert_eq!(pending(on, task).await.len(), items.len());
}
