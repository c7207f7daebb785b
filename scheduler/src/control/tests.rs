use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::Ledger;

use super::*;
use crate::intake::{Intake, json};
use crate::testing::{FakeLedger, actor};

/// A running task of `owner`, and the control over it.
async fn room() -> (Arc<FakeLedger>, Control, Actor, TaskId) {
    let ledger = Arc::new(FakeLedger::new(1));
    let owner = Actor { name: "portal".into(), ..actor(ledger.state().district, Role::Application) };
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let request = json::parse(br#"{"selection":{"scope":"all"},"reason":"lost"}"#).unwrap();
    let task = Intake::new(all, None).submit(&owner, request, "key-1").await.unwrap().task;
    ledger.state().task(task).state = TaskState::Running;
    let port: Arc<FakeLedger> = Arc::clone(&ledger);
    (ledger, Control::new(port), owner, task)
}

#[tokio::test]
async fn a_task_is_paused_resumed_and_cancelled_and_repeating_it_changes_nothing() {
    let (ledger, control, _, task) = room().await;
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    for _ in 0..2 {
        assert_eq!(control.pause(&admin, task).await, Ok(TaskState::Paused));
    }
    for _ in 0..2 {
        assert_eq!(control.resume(&admin, task).await, Ok(TaskState::Running));
    }
    for _ in 0..2 {
        assert_eq!(control.cancel(&admin, task).await, Ok(TaskState::Cancelled));
    }
    for (result, code) in [
        (control.pause(&admin, task).await, "task.not_running"),
        (control.resume(&admin, task).await, "task.not_paused"),
    ] {
        let problem = result.expect_err("a cancelled task stays cancelled");
        assert_eq!((problem.kind, problem.code), (ProblemKind::Conflict, code));
    }
    ledger.state().task(task).state = TaskState::Completed;
    assert_eq!(control.cancel(&admin, task).await.expect_err("ended").code, "task.ended");
}

#[tokio::test]
async fn roles_bound_what_one_may_control() {
    let (ledger, control, owner, task) = room().await;
    let district = ledger.state().district;
    assert!(control.pause(&owner, task).await.is_ok(), "its own");
    assert!(control.resume(&actor(district, Role::Principal), task).await.is_ok());
    let operator = control.pause(&actor(district, Role::Operator), task).await.expect_err("forbidden");
    assert_eq!((operator.kind, operator.code), (ProblemKind::Forbidden, "role.may_not_control"));
    for stranger in [
        Actor { name: "other".into(), ..actor(district, Role::Application) },
        actor(district, Role::Teacher),
        Actor { district: DistrictId::fresh(), ..owner.clone() },
    ] {
        for result in [
            control.pause(&stranger, task).await,
            control.resume(&stranger, task).await,
            control.cancel(&stranger, task).await,
        ] {
            assert_eq!(result.expect_err("not theirs").kind, ProblemKind::NotFound);
        }
    }
    let admin = actor(district, Role::DistrictAdmin);
    assert_eq!(control.pause(&admin, TaskId::fresh()).await.expect_err("no task").kind, ProblemKind::NotFound);
}
