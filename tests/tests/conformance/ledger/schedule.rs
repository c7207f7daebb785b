//! Tasks that begin later, and blackout windows that put tasks off.

use keybell_shared::clock::Millis;
use keybell_shared::config::Window;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{
    Approval, ApprovalLedger as _, DispatchLedger as _, Expansion, ExpansionLedger as _, IntakeLedger as _,
    ResetLedger as _, Standing, TaskLedger as _, TaskView,
};
use keybell_shared::request::ResetRequest;
use keybell_shared::states::TaskState;
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, expand, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::flow::pending;

on_both!(
    nothing_of_a_task_is_handed_out_before_its_start,
    a_message_that_comes_too_early_changes_nothing,
    a_task_is_approved_before_its_start,
    a_task_is_paused_resumed_and_cancelled_before_its_start,
    a_request_is_stored_as_the_release_before_reads_it_and_shown_as_it_was_asked,
    during_a_blackout_nothing_of_the_district_is_handed_out_but_what_is_urgent,
);

const HOUR: i64 = 3_600_000;

async fn starting(on: &TestLedger, ahead: i64) -> ResetRequest {
    let at = Millis(on.ledger.now().await.expect("the time").0 + ahead).rfc3339();
    request(json!({"selection": {"scope": "all"}, "start": {"at": at, "zone": "America/Chicago"}}))
}

async fn view(on: &TestLedger, fixture: &Fixture, task: TaskId) -> TaskView {
    on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there")
}

async fn runnable(on: &TestLedger, blackout: &[Window]) -> Vec<TaskId> {
    on.ledger.runnable(10, blackout).await.expect("runnable").iter().map(|one| one.task).collect()
}

/// The start has come.
async fn begins(on: &TestLedger, task: TaskId) {
    on.raw.run(&format!("UPDATE tasks SET start_at = created_at WHERE id = '{task}'")).await;
}

async fn nothing_of_a_task_is_handed_out_before_its_start(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let later = task(&*on.ledger, &fixture.admin(), starting(on, HOUR).await).await;
    let now = task(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    let late = task(&*on.ledger, &fixture.admin(), starting(on, -60_000).await).await;
    assert_eq!(runnable(on, &[]).await, [now, late]);
    // Its accounts are frozen, it is neither closed nor taken for stuck, and it says when it begins.
    let waits = view(on, &fixture, later).await;
    assert_eq!((waits.progress.state, waits.digest.is_some()), (TaskState::Running, true));
    assert!(waits.starts_at.is_some_and(|at| at.0 > waits.progress.counted_at.0 + HOUR / 2));
    assert_eq!(on.ledger.finish(10).await, Ok(Vec::new()));
    assert_eq!(pending(on, later).await.len(), usize::try_from(waits.progress.counts.open).expect("few"));
    let told = on.raw.column("SELECT body FROM events WHERE kind = 'task.started' ORDER BY id").await;
    let starts: Vec<Value> = told.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect();
    assert!(starts[0].to_string().contains("starts_at") && !starts[1].to_string().contains("starts_at"), "{told:?}");
    begins(on, later).await;
    assert_eq!(runnable(on, &[]).await, [later, now, late]);
}

async fn a_message_that_comes_too_early_changes_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let later = task(&*on.ledger, &fixture.admin(), starting(on, HOUR).await).await;
    let items = pending(on, later).await;
    let decisions = async || {
        let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
        jobs.iter().map(|job| job.decision).collect::<Vec<_>>()
    };
    assert_eq!(decisions().await, vec![Decision::Hold; items.len()]);
    begins(on, later).await;
    assert_eq!(decisions().await, vec![Decision::Reset; items.len()]);
}

async fn a_task_is_approved_before_its_start(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let later = accept(&*on.ledger, &fixture.admin(), starting(on, HOUR).await).await;
    let how = Expansion { size: 100, approval_above: Some(0) };
    on.ledger.expand_next("s", later, how).await.expect("a chunk");
    let digest = view(on, &fixture, later).await.digest.expect("frozen");
    let second = keybell_shared::actor::Actor { name: "second".to_owned(), ..fixture.admin() };
    let approved = on.ledger.approve(&second, later, &digest).await;
    let runs = Standing { state: TaskState::Running, held: false };
    assert_eq!(approved, Ok(Some(Approval::Approved(runs))));
    assert_eq!(runnable(on, &[]).await, []);
    begins(on, later).await;
    assert_eq!(runnable(on, &[]).await, [later]);
}

async fn a_task_is_paused_resumed_and_cancelled_before_its_start(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let later = accept(&*on.ledger, &fixture.admin(), starting(on, HOUR).await).await;
    on.ledger.pause(district, later, "me").await.expect("held");
    expand(&*on.ledger, later).await;
    assert_eq!(view(on, &fixture, later).await.progress.state, TaskState::Paused);
    begins(on, later).await;
    assert_eq!(runnable(on, &[]).await, [], "its start does not resume it");
    on.ledger.resume(district, later, "me").await.expect("resumed");
    assert_eq!(runnable(on, &[]).await, [later]);

    let other = task(&*on.ledger, &fixture.admin(), starting(on, HOUR).await).await;
    on.ledger.pause(district, other, "me").await.expect("paused");
    on.ledger.resume(district, other, "me").await.expect("resumed");
    assert_eq!(runnable(on, &[]).await, [later], "to resume it is not to start it");
    assert_eq!(on.ledger.cancel(district, other, "me").await, Ok(Some(TaskState::Cancelled)));
    assert_eq!(view(on, &fixture, other).await.progress.counts.open, 0);
}

async fn a_request_is_stored_as_the_release_before_reads_it_and_shown_as_it_was_asked(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let asked = starting(on, HOUR).await;
    let later = task(&*on.ledger, &fixture.admin(), asked.clone()).await;
    let stored = on.raw.text(&format!("SELECT request FROM tasks WHERE id = '{later}'")).await;
    assert!(!stored.contains("start\""), "{stored}");
    assert_eq!(view(on, &fixture, later).await.request.start, asked.start);
    let listed = on.ledger.tasks(fixture.district.id, None, None, 10).await.expect("tasks");
    assert_eq!(listed.first().map(|task| task.request.start.clone()), Some(asked.start));
}

async fn during_a_blackout_nothing_of_the_district_is_handed_out_but_what_is_urgent(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let neighbour = district_with(&*on.ledger, 3).await;
    let everybody = |reason: &str| request(json!({"selection": {"scope": "all"}, "reason": reason}));
    let (admin, other) = (fixture.admin(), neighbour.admin());
    let ordinary = task(&*on.ledger, &admin, everybody("start_of_year")).await;
    let urgent = task(&*on.ledger, &admin, everybody("suspected_compromise")).await;
    let elsewhere = task(&*on.ledger, &other, everybody("lost")).await;
    let now = on.ledger.now().await.expect("the time").0;
    let window = |from: i64, until: i64, districts: &[&str]| Window {
        from: Millis(now + from),
        until: Millis(now + until),
        districts: districts.iter().map(|slug| (*slug).to_owned()).collect(),
        reason: "exams".to_owned(),
    };
    let slug = fixture.district.slug.as_str();
    assert_eq!(runnable(on, &[window(-HOUR, HOUR, &[slug])]).await, [urgent, elsewhere]);
    assert_eq!(runnable(on, &[window(-HOUR, HOUR, &["nobody", slug])]).await, [urgent, elsewhere]);
    assert_eq!(runnable(on, &[window(-HOUR, HOUR, &[])]).await, [urgent], "every district");
    let closed = [window(-HOUR, -1_000, &[]), window(HOUR, 2 * HOUR, &[slug]), window(-HOUR, HOUR, &["nobody"])];
    assert_eq!(runnable(on, &closed).await, [ordinary, urgent, elsewhere]);
    // Nothing of it is skipped: it goes on when the window is over.
    let waits = view(on, &fixture, ordinary).await.progress;
    assert_eq!(
        (waits.state, waits.counts.skipped),
        (TaskState::Running, view(on, &fixture, urgent).await.progress.counts.skipped)
    );
}
