//! `POST /v1/tasks/{id}/approve`: a second person's word.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::TaskId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::control::{Controlled, control};
use super::scope::TaskPath;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// The most bytes of a body.
const MAX_BYTES: usize = 4_096;

/// What is approved.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approving {
    /// The `digest` that the task shows: the accounts that were looked at.
    #[schema(pattern = "^[0-9a-f]{64}$", example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: String,
}

/// Approve a task.
///
/// A task that changes more passwords than the configuration allows without a second person is `awaiting_approval` once
/// its accounts are written down. Another person than who asked for it, an administrator with a key that names its person and
/// is older than the task, approves exactly these accounts by their digest; then it runs, or is paused if it was held. A cancel rejects it.
/// Approving the same once more changes nothing.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/approve",
    operation_id = "approveTask",
    tag = "Control",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    request_body(content = Approving, description = "The accounts that were looked at"),
    responses(
        (status = 200, description = "Where it stands now", body = Controlled, example = json!({
            "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "running", "held": false
        })),
        (status = 403, description = "role.may_not_approve approval.asker_unknown approval.key_too_new approval.person_missing approval.same_person"),
        (status = 409, description = "approval.not_awaiting approval.other_digest"),
    ),
)]
pub(super) async fn approve(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
    JsonBytes(bytes): JsonBytes<MAX_BYTES>,
) -> Result<Json<Controlled>, Refusal> {
    let approving: Approving = body::read(&bytes, || json!({ "digest": "" }))?;
    Ok(Json(Controlled::new(task, control(&api).approve(&actor, task, &approving.digest).await?)))
}
