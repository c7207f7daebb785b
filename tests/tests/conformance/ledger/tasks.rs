//! Looking at tasks, controlling and closing them.

use keybell_shared::ports::ledger::{ItemFilter, OutboxLedger as _, SendOutcome, TaskLedger as _};
use keybell_shared::progress::Counts;
use keybell_shared::states::TaskState;
use keybell_tests::ledgers::{TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, pending, report, reset};

on_both!(
    a_task_closes_when_its_last_item_ends,
    a_mismatch_of_the_counters_is_found,
    pages_and_requesters,
    snapshots_grow_in_version,
    another_district_sees_and_touches_nothing,
    a_cancelled_task_still_tells_whoever_was_reset,
);

fn everybody() -> keybell_shared::request::ResetRequest {
    request(json!({"selection": {"scope": "all"}, "channel": "email"}))
}

async fn a_task_closes_when_its_last_item_ends(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let district = fixture.district.id;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let notifications = caused(&reset(on, &items).await);
    for claimed in claim(on, &notifications, LEASE).await {
        assert!(on.ledger.finish(10).await.expect("finished").is_empty(), "somebody is still being told");
        report(on, &claimed, SendOutcome::Accepted).await;
    }
    let closed = on.ledger.finish(10).await.expect("finished");
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].task, closed[0].state, &closed[0].mismatch), (task, TaskState::Completed, &None));
    assert!(on.ledger.finish(10).await.expect("finished").is_empty(), "once");
    let view = on.ledger.task(district, task).await.expect("a task").expect("there");
    assert!(view.progress.finished_at.is_some());
    assert_eq!(view.progress.counts, Counts { notified: 3, ..Counts::default() });
    let events = on.ledger.unsent_events(100).await.expect("events");
    let kinds: Vec<&str> =
        events.iter().map(|event| event.kind.as_str()).filter(|kind| kind.starts_with("task.")).collect();
    assert_eq!(kinds, ["task.accepted", "task.started", "task.completed"]);
}

async fn a_mismatch_of_the_counters_is_found(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    on.raw.run(&format!("UPDATE items SET state = 'failed', code = 'X03' WHERE id = {}", items[0])).await;
    let notifications = caused(&reset(on, &items[1..]).await);
    for claimed in claim(on, &notifications, LEASE).await {
        report(on, &claimed, SendOutcome::Accepted).await;
    }
    let closed = on.ledger.finish(10).await.expect("finished").remove(0);
    assert_eq!(closed.state, TaskState::CompletedWithErrors);
    assert!(closed.mismatch.is_some(), "the counters did not hear of the failed item");
}

async fn pages_and_requesters(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let mut other = fixture.admin();
    "other".clone_into(&mut other.name);
    let mut made = Vec::new();
    for n in 0..5 {
        let actor = if n % 2 == 0 { fixture.admin() } else { other.clone() };
        made.push(task(&*on.ledger, &actor, everybody()).await);
    }
    made.reverse();
    let first = on.ledger.tasks(fixture.district.id, None, None, 3).await.expect("a page");
    let rest = on.ledger.tasks(fixture.district.id, None, Some(first[2].seq), 3).await.expect("a page");
    let seen: Vec<_> = first.iter().chain(&rest).map(|view| view.id).collect();
    assert_eq!(seen, made);
    let theirs = on.ledger.tasks(fixture.district.id, Some("other"), None, 9).await.expect("a page");
    assert_eq!(theirs.iter().map(|view| view.id).collect::<Vec<_>>(), [made[1], made[3]]);
}

async fn snapshots_grow_in_version(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let mut last = on.ledger.snapshots().await.expect("snapshots").remove(0);
    for item in items {
        reset(on, &[item]).await;
        let next = on.ledger.snapshots().await.expect("snapshots").remove(0);
        assert!(next.is_newer_than(&last));
        assert_eq!(next.counts.total(), last.counts.total());
        last = next;
    }
    on.ledger.pause(fixture.district.id, task, "me").await.expect("paused");
    let paused = on.ledger.snapshots().await.expect("snapshots").remove(0);
    assert!(paused.is_newer_than(&last) && paused.state == TaskState::Paused);
}

async fn another_district_sees_and_touches_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let stranger = district_with(&*on.ledger, 1).await.district.id;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    assert!(on.ledger.task(stranger, task).await.expect("an answer").is_none());
    assert!(on.ledger.items(stranger, task, ItemFilter::default(), 10).await.expect("items").is_empty());
    assert!(on.ledger.codes(stranger, task).await.expect("codes").is_empty());
    assert_eq!(on.ledger.pause(stranger, task, "me").await, Ok(None));
    assert_eq!(on.ledger.cancel(stranger, task, "me").await, Ok(None));
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!(view.progress.state, TaskState::Running);
}

async fn a_cancelled_task_still_tells_whoever_was_reset(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let task = task(&*on.ledger, &fixture.admin(), everybody()).await;
    let items = pending(on, task).await;
    let notifications = caused(&reset(on, &items[..1]).await);
    assert_eq!(on.ledger.cancel(district, task, "me").await, Ok(Some(TaskState::Cancelling)));
    assert_eq!(
        on.ledger.resume(district, task, "me").await.map(|s| s.map(|s| s.state)),
        Ok(Some(TaskState::Cancelling))
    );
    let claimed = claim(on, &notifications, LEASE).await.remove(0);
    report(on, &claimed, SendOutcome::Accepted).await;
    let closed = on.ledger.finish(10).await.expect("finished").remove(0);
    assert_eq!((closed.state, closed.mismatch), (TaskState::Cancelled, None));
    assert_eq!(on.ledger.cancel(district, task, "me").await, Ok(Some(TaskState::Cancelled)));
    let counts = on.ledger.task(district, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.notified, counts.cancelled, counts.total()), (1, 4, 5));
}
