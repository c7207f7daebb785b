//! `POST /v1/tasks/{id}/pause`, `…/resume`, `…/cancel`. The scheduler's [`Control`] decides; here is only the door.
//! A repeated call answers the same state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keybell_scheduler::control::Control;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::Standing;
use keybell_shared::states::TaskState;
use serde::Serialize;
use utoipa::ToSchema;

use super::scope::{TaskPath, visible};
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The task and its state afterwards.
#[derive(Serialize, ToSchema)]
pub(crate) struct Controlled {
    task: TaskId,
    state: TaskState,
    /// Whether a task that has not begun will be paused when it would.
    held: bool,
}

impl Controlled {
    pub(super) fn new(task: TaskId, Standing { state, held }: Standing) -> Self {
        Self { task, state, held }
    }
}

/// Pause a task.
///
/// Nothing of it is dispatched any more; passwords that were already changed are still told. A task that has
/// not begun is held: it is paused when its accounts are written down, and approved where that is needed. Pausing a paused
/// task changes nothing.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/pause",
    operation_id = "pauseTask",
    tag = "Control",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "Where it stands now", body = Controlled, example = json!({
            "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "paused", "held": false
        })),
        (status = 403, description = "role.may_not_control"),
        (status = 409, description = "task.ended"),
    ),
)]
pub(super) async fn pause(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    Ok(Json(Controlled::new(task, control(&api).pause(&actor, task).await?)))
}

/// Resume a task.
///
/// Lets a paused task run again. Resuming a running task changes nothing, and resuming one that awaits an approval does not
/// approve it.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/resume",
    operation_id = "resumeTask",
    tag = "Control",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "Where it stands now", body = Controlled, example = json!({
            "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "running", "held": false
        })),
        (status = 403, description = "role.may_not_control"),
        (status = 409, description = "task.ended"),
    ),
)]
pub(super) async fn resume(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    Ok(Json(Controlled::new(task, control(&api).resume(&actor, task).await?)))
}

/// Cancel a task.
///
/// When this answers, no further password of the task changes. Passwords that were changed before stay changed, and
/// their people are still told. Cancelling a cancelled task changes nothing.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/cancel",
    operation_id = "cancelTask",
    tag = "Control",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "Where it stands now", body = Controlled, example = json!({
            "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "cancelling", "held": false
        })),
        (status = 403, description = "role.may_not_control"),
        (status = 409, description = "task.ended"),
    ),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
) -> Result<Json<Controlled>, Refusal> {
    visible(&api, &actor, task).await?;
    Ok(Json(Controlled::new(task, control(&api).cancel(&actor, task).await?)))
}

/// Who may control tasks, and how.
pub(super) fn control(api: &Api) -> Control {
    Control::new(Arc::<dyn keybell_shared::ports::ledger::Ledger>::clone(&api.ledger))
}
