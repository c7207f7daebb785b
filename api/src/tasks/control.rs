//! `POST /v1/tasks/{id}/pause`, `…/resume`, `…/cancel`. The scheduler's [`Control`] decides; here is only the door.
//! A repeated call answers the same state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keybell_scheduler::control::Control;
use keybell_shared::ids::TaskId;
use keybell_shared::states::TaskState;
use serde::Serialize;

use super::scope::{TaskPath, visible};
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The task and its state afterwards.
#[derive(Serialize)]
pub(crate) struct Controlled {
    task: TaskId,
    state: TaskState,
}

/// Holds a task.
pub(crate) async fn pause(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    let state = control(&api).pause(&actor, task).await?;
    Ok(Json(Controlled { task, state }))
}

/// Lets a paused task run again.
pub(crate) async fn resume(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    let state = control(&api).resume(&actor, task).await?;
    Ok(Json(Controlled { task, state }))
}

/// Cancels a task; when this answers, no further password of it changes.
pub(crate) async fn cancel(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    let state = control(&api).cancel(&actor, task).await?;
    Ok(Json(Controlled { task, state }))
}

fn control(api: &Api) -> Control {
    Control::new(Arc::<dyn keybell_shared::ports::ledger::Ledger>::clone(&api.ledger))
}
