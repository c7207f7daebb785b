use keybell_shared::actor::Role;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Ledger, MAX_DEFECTS};
use keybell_shared::states::TaskState;

use super::*;
use crate::intake::{Intake, json};
use crate::testing::{FakeLedger, actor};

async fn room(tasks: usize) -> (Arc<FakeLedger>, Expand<FakeLedger>, Vec<TaskId>) {
    let ledger = Arc::new(FakeLedger::new(100));
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let intake = Intake::new(all, None);
    let caller = actor(ledger.state().district, Role::DistrictAdmin);
    let mut ids = Vec::new();
    for key in 0..tasks {
        let request =
            json::parse(br#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#).unwrap();
        ids.push(intake.submit(&caller, request, &key.to_string()).await.unwrap().task);
    }
    let (accepted, ready) = (Wake::default(), Wake::default());
    let how = Expansion { size: 40, approval_above: None };
    let expand = Expand { ledger: Arc::clone(&ledger), writer: "scheduler-1".into(), how, accepted, ready };
    (ledger, expand, ids)
}

#[tokio::test]
async fn every_task_gets_a_chunk_a_round_and_the_dispatcher_hears_of_the_end() {
    let (ledger, mut expand, tasks) = room(2).await;
    for (written, pace) in [(40, Pace::Again), (80, Pace::Again), (100, Pace::Rest)] {
        assert_eq!(expand.round().await, Ok(pace));
        for task in &tasks {
            assert_eq!(ledger.items_of(*task).len(), written);
        }
    }
    // The last chunk itself ends the expansion.
    expand.ready.woken().await;
    assert!(tasks.iter().all(|task| ledger.state().task(*task).state == TaskState::Running));
}

#[tokio::test]
async fn a_task_that_cannot_be_expanded_does_not_hold_up_the_others() {
    let (ledger, mut expand, tasks) = room(2).await;
    ledger.state().broken = Some(tasks[0]);
    for _ in 0..4 {
        assert!(matches!(expand.round().await, Err(Failure::Ledger(_))), "it stays visible");
    }
    assert_eq!(ledger.state().task(tasks[1]).state, TaskState::Running);
    assert_eq!(ledger.state().task(tasks[0]).state, TaskState::Expanding);
}

#[tokio::test]
async fn a_task_that_is_broken_for_long_fails_and_is_left_alone() {
    let (ledger, mut expand, tasks) = room(1).await;
    ledger.state().broken = Some(tasks[0]);
    for _ in 0..MAX_DEFECTS {
        assert_eq!(ledger.state().task(tasks[0]).state, TaskState::Expanding);
        assert!(expand.round().await.is_err());
    }
    assert_eq!(ledger.state().task(tasks[0]).state, TaskState::Failed);
    assert_eq!(expand.round().await, Ok(Pace::Rest));
}

#[tokio::test]
async fn what_is_configured_decides_which_task_waits_for_an_approval() {
    for (approval_above, state) in [
        (None, TaskState::Running),
        (Some(100), TaskState::Running),
        (Some(99), TaskState::AwaitingApproval),
        (Some(0), TaskState::AwaitingApproval),
    ] {
        let (ledger, mut expand, tasks) = room(1).await;
        expand.how.approval_above = approval_above;
        while expand.round().await == Ok(Pace::Again) {}
        assert_eq!(ledger.state().task(tasks[0]).state, state, "{approval_above:?}");
    }
}
