//! Pausing, resuming and cancelling tasks wherever they stand, and giving up those that cannot be expanded.

use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{
    Chunk, DispatchLedger as _, ExpansionLedger as _, MAX_DEFECTS, Standing, TaskLedger as _, TaskView,
};
use keybell_shared::states::TaskState;
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, expand, request};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{caused, pending, reset};

on_both!(
    a_held_task_is_paused_when_it_is_expanded,
    a_task_that_is_no_longer_held_runs,
    a_cancel_works_from_wherever_a_task_stands,
    an_ended_task_is_neither_paused_nor_resumed,
    a_task_that_cannot_be_expanded_fails,
);

/// A task that is expanding, with the first items written down.
async fn expanding(on: &TestLedger, fixture: &Fixture) -> TaskId {
    let asked = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    let task = accept(&*on.ledger, &fixture.admin(), asked).await;
    on.ledger.expand_chunk("s", task, 3).await.expect("a chunk");
    task
}

async fn view(on: &TestLedger, fixture: &Fixture, task: TaskId) -> TaskView {
    on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there")
}

/// How often something was noted about the task in the audit.
async fn noted(on: &TestLedger, task: TaskId, action: &str) -> i64 {
    on.raw.number(&format!("SELECT count(*) FROM audit WHERE action = '{action}' AND subject = 'task {task}'")).await
}

/// How many events of this kind there are.
async fn told(on: &TestLedger, kind: &str) -> i64 {
    on.raw.number(&format!("SELECT count(*) FROM events WHERE kind = '{kind}'")).await
}

async fn a_held_task_is_paused_when_it_is_expanded(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let district = fixture.district.id;
    let task = expanding(on, &fixture).await;
    let before = view(on, &fixture, task).await;
    assert!(!before.held);
    let held = Standing { state: TaskState::Expanding, held: true };
    for _ in 0..2 {
        assert_eq!(on.ledger.pause(district, task, "me").await, Ok(Some(held)));
    }
    let after = view(on, &fixture, task).await;
    assert!(after.held && after.progress.is_newer_than(&before.progress));
    assert_eq!(noted(on, task, "task.held").await, 1, "a repetition changes nothing");
    expand(&*on.ledger, task).await;
    let paused = view(on, &fixture, task).await;
    assert_eq!((paused.progress.state, paused.held), (TaskState::Paused, false));
    assert!(paused.digest.is_some(), "the set is frozen");
    assert_eq!(noted(on, task, "task.paused").await, 1);
    assert_eq!((told(on, "task.paused").await, told(on, "task.started").await), (1, 0));
    assert!(on.ledger.runnable(10, &[]).await.expect("runnable").is_empty(), "nothing of it is dispatched");
    let running = Standing { state: TaskState::Running, held: false };
    assert_eq!(on.ledger.resume(district, task, "me").await, Ok(Some(running)));
    assert_eq!(on.ledger.runnable(10, &[]).await.expect("runnable").len(), 1);
}

async fn a_task_that_is_no_longer_held_runs(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let district = fixture.district.id;
    let task = expanding(on, &fixture).await;
    on.ledger.pause(district, task, "me").await.expect("held");
    let released = Standing { state: TaskState::Expanding, held: false };
    for _ in 0..2 {
        assert_eq!(on.ledger.resume(district, task, "me").await, Ok(Some(released)));
    }
    assert_eq!(noted(on, task, "task.released").await, 1);
    expand(&*on.ledger, task).await;
    assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::Running);
    assert_eq!((told(on, "task.paused").await, told(on, "task.started").await), (0, 1));
}

async fn a_cancel_works_from_wherever_a_task_stands(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let district = fixture.district.id;
    let held = expanding(on, &fixture).await;
    on.ledger.pause(district, held, "me").await.expect("held");
    let running = expanding(on, &fixture).await;
    expand(&*on.ledger, running).await;
    let paused = expanding(on, &fixture).await;
    expand(&*on.ledger, paused).await;
    on.ledger.pause(district, paused, "me").await.expect("paused");
    for task in [expanding(on, &fixture).await, held, running, paused] {
        for _ in 0..2 {
            assert_eq!(on.ledger.cancel(district, task, "me").await, Ok(Some(TaskState::Cancelled)));
        }
        let ended = view(on, &fixture, task).await;
        let counts = ended.progress.counts;
        assert_eq!((ended.held, counts.open, counts.cancelled), (false, 0, counts.total()));
        assert_eq!(noted(on, task, "task.cancelled").await, 1);
        assert_eq!(on.ledger.expand_chunk("s", task, 5).await, Ok(Chunk::NotExpanding));
    }
}

async fn an_ended_task_is_neither_paused_nor_resumed(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let task = expanding(on, &fixture).await;
    on.ledger.pause(district, task, "me").await.expect("held");
    on.ledger.cancel(district, task, "me").await.expect("cancelled");
    let ended = Standing { state: TaskState::Cancelled, held: false };
    assert_eq!(on.ledger.pause(district, task, "me").await, Ok(Some(ended)));
    assert_eq!(on.ledger.resume(district, task, "me").await, Ok(Some(ended)));
    let stranger = district_with(&*on.ledger, 1).await.district.id;
    assert_eq!(on.ledger.pause(stranger, task, "me").await, Ok(None));
    assert_eq!(on.ledger.resume(stranger, task, "me").await, Ok(None));
}

async fn a_task_that_cannot_be_expanded_fails(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let task = expanding(on, &fixture).await;
    let role = |word: &str| format!("UPDATE tasks SET requester_role = '{word}' WHERE id = '{task}'");
    on.raw.run(&role("pirate")).await;
    for _ in 1..MAX_DEFECTS {
        on.ledger.expand_chunk("s", task, 3).await.expect_err("a defect");
        assert_eq!(on.ledger.expansion_failed(task).await, Ok(false));
    }
    on.raw.run(&role("district_admin")).await;
    assert!(matches!(on.ledger.expand_chunk("s", task, 3).await, Ok(Chunk::More(_))));
    for _ in 1..MAX_DEFECTS {
        assert_eq!(on.ledger.expansion_failed(task).await, Ok(false), "a good chunk begins the row anew");
    }
    assert_eq!(on.ledger.expansion_failed(task).await, Ok(true));
    assert_eq!(on.ledger.expansion_failed(task).await, Ok(false), "once");
    let failed = view(on, &fixture, task).await.progress;
    assert_eq!((failed.state, failed.finished_at.is_some()), (TaskState::Failed, true));
    assert_eq!((failed.counts.open, failed.counts.cancelled), (0, 6));
    assert_eq!((noted(on, task, "task.failed").await, told(on, "task.failed").await), (1, 1));
    assert_eq!(on.ledger.expand_chunk("s", task, 3).await, Ok(Chunk::NotExpanding));
    assert!(on.ledger.expanding(10).await.expect("expanding").is_empty());
    assert!(pending(on, task).await.is_empty() && caused(&reset(on, &[]).await).is_empty());
    assert_eq!(on.raw.number("SELECT max(credential_version) FROM accounts").await, 0, "nothing was changed");
}
