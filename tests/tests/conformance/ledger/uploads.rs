//! Uploaded passwords, and the usernames beside them.

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, ItemId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, DispatchLedger as _, Idempotency, IntakeLedger as _, ItemFilter, KeyLedger as _, NewTask,
    ResetLedger as _, ResetOutcome, RetentionLedger as _, TaskLedger as _, Uploaded,
};
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::{Sealed, hex};
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{pending, reset, write};

mod lookups;
mod renames;
mod rosters;

on_both!(
    an_uploaded_password_is_stored_sealed_and_gone_after_its_reset,
    a_large_upload_is_stored_whole,
    a_key_is_needed_as_long_as_an_uploaded_password_is_sealed_to_it,
    tasks_without_an_upload_have_no_uploaded_passwords,
    whoever_is_left_out_at_the_start_leaves_no_password,
    whoever_is_left_out_at_the_reset_leaves_no_password,
    an_item_that_fails_leaves_no_password,
    a_newer_task_leaves_no_password_and_no_username_of_an_older_upload,
    a_cancel_leaves_no_password,
    a_task_that_ends_or_is_forgotten_leaves_no_password,
    a_redelivery_after_the_commit_changes_nothing,
    what_is_held_stays_and_what_is_gone_is_held,
    a_trial_run_is_started_once_under_whatever_key,
);

/// A request as an upload makes it.
fn asked() -> ResetRequest {
    let mut asked = request(json!({"selection": {"scope": "all"}, "channel": "email", "notify": "always"}));
    asked.selection.scope = keybell_shared::request::Scope::Selected;
    asked.password = keybell_shared::request::PasswordSource::Uploaded;
    asked
}

/// What stands for the sealed password of an account.
fn sealed(account: AccountId) -> Sealed {
    Sealed { key_id: "k1".to_owned(), bytes: account.0.as_bytes().to_vec() }
}

/// Accepts an upload: for each account a password, and a username where one is said.
async fn upload(on: &TestLedger, fixture: &Fixture, rows: &[(AccountId, Option<&str>)]) -> TaskId {
    let id = TaskId::fresh();
    let one = |(account, username): &(AccountId, Option<&str>)| Uploaded {
        account: *account,
        sealed: sealed(*account),
        username: username.map(str::to_owned),
    };
    let new = NewTask {
        id,
        actor: fixture.admin(),
        request: asked(),
        named: rows.iter().map(|(account, _)| *account).collect(),
        shared: None,
        uploaded: rows.iter().map(one).collect(),
        idempotency: Idempotency { producer: "console".to_owned(), key: id.to_string(), fingerprint: "f".to_owned() },
        reissue: None,
        trial: None,
    };
    assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(id)));
    id
}

async fn a_trial_run_is_started_once_under_whatever_key(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let started = |key: &str, trial: &str, fixture: &Fixture| {
        let idempotency =
            Idempotency { producer: "console".to_owned(), key: key.to_owned(), fingerprint: "f".to_owned() };
        let (id, account) = (TaskId::fresh(), fixture.pupils[0]);
        let uploaded = vec![Uploaded { account, sealed: sealed(account), username: None }];
        on.ledger.accept(NewTask {
            id,
            actor: fixture.admin(),
            request: asked(),
            named: vec![account],
            shared: None,
            uploaded,
            idempotency,
            reissue: None,
            trial: Some(trial.to_owned()),
        })
    };
    // Five at once, each with a key of its own: one starts it, the others are told which task it is.
    let answers =
        futures_util::future::join_all(["a", "b", "c", "d", "e"].map(|key| started(key, "t1", &fixture))).await;
    let answers: Vec<Acceptance> = answers.into_iter().map(|answer| answer.expect("an answer")).collect();
    let accepted: Vec<TaskId> = answers
        .iter()
        .filter_map(|answer| if let Acceptance::Accepted(task) = answer { Some(*task) } else { None })
        .collect();
    let [task] = accepted.as_slice() else { panic!("{answers:?}") };
    let others = answers.iter().filter(|answer| **answer == Acceptance::Started(*task)).count();
    assert_eq!((others, on.raw.number("SELECT count(*) FROM tasks").await), (4, 1), "{answers:?}");
    // The same key is a repetition, another trial run another task, and another district's its own.
    let first = answers.iter().position(|answer| *answer == Acceptance::Accepted(*task)).expect("the first");
    let key = ["a", "b", "c", "d", "e"][first];
    assert_eq!(started(key, "t1", &fixture).await, Ok(Acceptance::Repeated(*task)));
    assert!(matches!(started("f", "t2", &fixture).await, Ok(Acceptance::Accepted(_))));
    let other = district_with(&*on.ledger, 2).await;
    assert!(matches!(started("g", "t1", &other).await, Ok(Acceptance::Accepted(_))));
    assert!(
        on.raw.column("SELECT key FROM idempotency").await.iter().all(|key| key != "t1"),
        "only its digest is kept"
    );
}

/// An upload that runs, and its items.
async fn running(on: &TestLedger, fixture: &Fixture, rows: &[(AccountId, Option<&str>)]) -> (TaskId, Vec<ItemId>) {
    let task = upload(on, fixture, rows).await;
    expand(&*on.ledger, task).await;
    let items = pending(on, task).await;
    (task, items)
}

/// How many uploaded passwords a task has left.
async fn left(on: &TestLedger, task: TaskId) -> i64 {
    on.raw.number(&format!("SELECT count(*) FROM uploaded_passwords WHERE task_id = '{task}'")).await
}

async fn state_of(on: &TestLedger, fixture: &Fixture, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 1_000).await.expect("items");
    let found = items.iter().find(|known| known.id == item).expect("the item");
    (found.state, found.code)
}

async fn an_uploaded_password_is_stored_sealed_and_gone_after_its_reset(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let rows: Vec<_> = fixture.pupils.iter().map(|account| (*account, None)).collect();
    let (task, items) = running(on, &fixture, &rows).await;
    let stored = on.raw.rows("SELECT account_id, key_id, sealed, username FROM uploaded_passwords ORDER BY 1").await;
    let expected = fixture.pupils.iter().map(|account| {
        let Sealed { key_id, bytes } = sealed(*account);
        vec![account.to_string(), key_id, hex(&bytes), "NULL".to_owned()]
    });
    assert_eq!(stored, expected.collect::<Vec<_>>());
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    for job in &jobs {
        let found = job.uploaded.as_ref().expect("the sealed password");
        let known = sealed(job.account);
        assert_eq!((&found.key_id, &found.bytes), (&known.key_id, &known.bytes));
    }
    let outcomes = reset(on, &items[..1]).await;
    assert!(matches!(outcomes[0].1, ResetOutcome::Changed(_)));
    assert_eq!(left(on, task).await, 2);
    reset(on, &items).await;
    assert_eq!(left(on, task).await, 0);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE credential_version = 1").await, 3);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE renamed").await, 0);
}

async fn a_large_upload_is_stored_whole(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 700).await;
    let names: Vec<String> = (0..700).map(|n| format!("renamed.{n}")).collect();
    let rows: Vec<_> =
        fixture.pupils.iter().zip(&names).map(|(&account, name)| (account, Some(name.as_str()))).collect();
    let task = upload(on, &fixture, &rows).await;
    assert_eq!(left(on, task).await, 700);
    assert_eq!(on.raw.number("SELECT count(DISTINCT username) FROM uploaded_passwords").await, 700);
}

async fn a_key_is_needed_as_long_as_an_uploaded_password_is_sealed_to_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let rows: Vec<_> = fixture.pupils.iter().map(|account| (*account, None)).collect();
    let (_, items) = running(on, &fixture, &rows).await;
    assert_eq!(on.ledger.sealed_with("k1").await, Ok(2));
    reset(on, &items).await;
    assert_eq!(on.ledger.sealed_with("k1").await, Ok(0));
}

async fn tasks_without_an_upload_have_no_uploaded_passwords(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let ordinary = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    let ordinary = task(&*on.ledger, &fixture.admin(), ordinary).await;
    let (_, uploaded) = running(on, &fixture, &[(fixture.pupils[0], None)]).await;
    let mut items = pending(on, ordinary).await;
    items.extend(&uploaded);
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let with: Vec<ItemId> = jobs.iter().filter(|job| job.uploaded.is_some()).map(|job| job.item).collect();
    assert_eq!(with, uploaded);
}

async fn whoever_is_left_out_at_the_start_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    on.raw.run(&format!("UPDATE accounts SET managed_by = 'clever' WHERE id = '{}'", fixture.pupils[1])).await;
    let rows: Vec<_> = fixture.pupils.iter().map(|account| (*account, Some("somebody"))).collect();
    let (_, items) = running(on, &fixture, &rows).await;
    assert_eq!(items.len(), 2);
    let kept = on.raw.column("SELECT account_id FROM uploaded_passwords ORDER BY 1").await;
    assert_eq!(kept, [fixture.pupils[0].to_string(), fixture.pupils[2].to_string()]);
}

async fn whoever_is_left_out_at_the_reset_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) =
        running(on, &fixture, &[(fixture.pupils[0], Some("new.name")), (fixture.pupils[1], None)]).await;
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id = '{}'", fixture.pupils[0])).await;
    let outcomes = reset(on, &items).await;
    assert_eq!(outcomes[0].1, ResetOutcome::NotChanged(Decision::Skip(Code::S03)));
    assert_eq!(left(on, task).await, 0);
    assert_eq!(on.raw.column("SELECT username FROM accounts WHERE NOT active").await, ["p1"]);
}

async fn an_item_that_fails_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let rows: Vec<_> = fixture.pupils.iter().map(|account| (*account, None)).collect();
    let (task, items) = running(on, &fixture, &rows).await;
    on.ledger.fail_items("w", &items[..1], Code::X03).await.expect("failed");
    assert_eq!(state_of(on, &fixture, task, items[0]).await, (ItemState::Failed, Some(Code::X03)));
    let kept = on.raw.column("SELECT account_id FROM uploaded_passwords").await;
    assert_eq!(kept, [fixture.pupils[1].to_string()]);
}

async fn a_newer_task_leaves_no_password_and_no_username_of_an_older_upload(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (older, old) = running(on, &fixture, &[(fixture.pupils[0], Some("older.name"))]).await;
    let (newer, new) = running(on, &fixture, &[(fixture.pupils[0], Some("newer.name"))]).await;
    reset(on, &new).await;
    let outcomes = reset(on, &old).await;
    assert_eq!(outcomes[0].1, ResetOutcome::NotChanged(Decision::Supersede));
    assert_eq!((left(on, older).await, left(on, newer).await), (0, 0));
    let account = "SELECT username, credential_version FROM accounts WHERE source_id = 'p1'";
    assert_eq!(on.raw.rows(account).await, [["newer.name", "1"]]);
}

async fn a_cancel_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let rows: Vec<_> = fixture.pupils.iter().map(|account| (*account, None)).collect();
    let (task, items) = running(on, &fixture, &rows).await;
    reset(on, &items[..1]).await;
    on.ledger.cancel(fixture.district.id, task, "me").await.expect("cancelled");
    assert_eq!(left(on, task).await, 2, "the task tells people yet, and is not closed");
    let claims = super::flow::claim(on, &notifications(on, task).await, super::flow::LEASE).await;
    super::flow::report(on, &claims[0], keybell_shared::ports::ledger::SendOutcome::Accepted).await;
    on.ledger.finish(10).await.expect("closed");
    assert_eq!(left(on, task).await, 0);
    // Before it began, a task goes with everything.
    let early = upload(on, &fixture, &rows).await;
    assert_eq!(on.ledger.cancel(fixture.district.id, early, "me").await, Ok(Some(TaskState::Cancelled)));
    assert_eq!(left(on, early).await, 0);
}

async fn notifications(on: &TestLedger, task: TaskId) -> Vec<keybell_shared::ids::NotificationId> {
    let ids = on.raw.column(&format!("SELECT id FROM notifications WHERE task_id = '{task}' ORDER BY id")).await;
    ids.iter().map(|id| keybell_shared::ids::NotificationId(id.parse().expect("a number"))).collect()
}

async fn a_task_that_ends_or_is_forgotten_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture, &[(fixture.pupils[0], None)]).await;
    on.ledger.fail_items("w", &items, Code::X03).await.expect("failed");
    // As if a crash had left one behind.
    let stray = format!(
        "INSERT INTO uploaded_passwords (task_id, account_id, key_id, sealed) VALUES ('{task}', '{}', 'k', '00')",
        fixture.pupils[1]
    );
    on.raw.run(&stray).await;
    on.ledger.finish(10).await.expect("closed");
    assert_eq!(left(on, task).await, 0);
    on.raw.run(&stray).await;
    on.raw.run("UPDATE tasks SET finished_at = 0").await;
    let day = std::time::Duration::from_hours(24);
    let retention = keybell_shared::ports::ledger::Retention { tasks: day, events: day, idempotency: day };
    while on.raw.number("SELECT count(*) FROM tasks").await > 0 {
        on.ledger.purge(&retention, 100).await.expect("purged");
    }
    assert_eq!(left(on, task).await, 0);
}

async fn a_redelivery_after_the_commit_changes_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (_, items) = running(on, &fixture, &[(fixture.pupils[0], Some("new.name"))]).await;
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    assert!(matches!(
        on.ledger.commit_resets("w", &[write(&jobs[0])]).await.expect("a commit")[0].1,
        ResetOutcome::Changed(_)
    ));
    on.raw.run("UPDATE accounts SET username = 'edited', username_key = 'edited' WHERE source_id = 'p1'").await;
    // The same message twice: once prepared before the commit, once read after it.
    let late = on.ledger.commit_resets("w", &[write(&jobs[0])]).await.expect("a commit");
    let again = reset(on, &items).await;
    for outcomes in [late, again] {
        assert_eq!(outcomes, [(items[0], ResetOutcome::NotChanged(Decision::Closed))]);
    }
    let account = "SELECT username, credential_version FROM accounts WHERE source_id = 'p1'";
    assert_eq!(on.raw.rows(account).await, [["edited", "1"]]);
}

async fn what_is_held_stays_and_what_is_gone_is_held(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) =
        running(on, &fixture, &[(fixture.pupils[0], Some("new.name")), (fixture.pupils[1], Some("other.name"))]).await;
    on.ledger.mark_queued(&items).await.expect("queued");
    on.ledger.pause(fixture.district.id, task, "me").await.expect("paused");
    let held = ResetOutcome::NotChanged(Decision::Hold);
    assert!(reset(on, &items).await.iter().all(|(_, outcome)| *outcome == held));
    assert_eq!(left(on, task).await, 2, "a pause forgets nothing");
    on.ledger.resume(fixture.district.id, task, "me").await.expect("resumed");
    // Gone between the worker's look and the commit: no password without its username.
    let writes: Vec<_> = on.ledger.reset_jobs(&items).await.expect("jobs").iter().map(write).collect();
    on.raw.run(&format!("DELETE FROM uploaded_passwords WHERE account_id = '{}'", fixture.pupils[0])).await;
    let outcomes = on.ledger.commit_resets("w", &writes).await.expect("a commit");
    assert_eq!(outcomes[0], (items[0], held));
    assert!(matches!(outcomes[1].1, ResetOutcome::Changed(_)));
    assert_eq!(pending(on, task).await, [items[0]], "the next look finds that it is gone");
    assert!(on.ledger.reset_jobs(&items[..1]).await.expect("jobs")[0].uploaded.is_none());
}
