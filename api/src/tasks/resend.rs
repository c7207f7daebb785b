//! `POST /v1/tasks/{id}/resend`: tells people again.

use axum::Json;
use axum::extract::State;
use keybell_scheduler::control::Resending;
use keybell_scheduler::intake::json;
use keybell_shared::ids::TaskId;
use keybell_shared::states::TaskState;
use serde::Serialize;
use utoipa::ToSchema;

use super::control::control;
use super::scope::{TaskPath, visible};
use crate::auth::Caller;
use crate::before::Left;
use crate::body::{self, JsonBytes};
use crate::parts::{Api, WRITER};
use crate::refusal::Refusal;

/// What a re-send did.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResendAnswer {
    task: TaskId,
    state: TaskState,
    /// How many are being told again.
    #[schema(minimum = 0)]
    again: u64,
    /// How many of the chosen ones were left as they are, by the reason.
    left: Vec<Left>,
}

/// Tell people again.
///
/// Sends the password that was set to those who could not be told, to their contacts of today, as long as it is kept
/// sealed and has not expired. Nothing is reset again; whoever is left out needs a re-issue. An ended task runs again
/// until they are told. Repeating the call sends nothing twice.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/resend",
    operation_id = "resendTask",
    tag = "Control",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    request_body(content = Resending, description = "Who; `{}` means everybody undelivered", examples(
        ("all" = (summary = "Everybody who could not be told", value = json!({}))),
        ("some" = (summary = "Two of them", value = json!({ "accounts": ["mjones", "lchen"] }))),
    )),
    responses(
        (status = 200, description = "What is being sent", body = ResendAnswer, example = json!({
            "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "running", "again": 5, "left": [{
                "code": "N08", "accounts": 1,
                "meaning": "reset or request in effect, but the password or link expired before anybody could be told; start again"
            }]
        })),
        (status = 403, description = "role.may_not_control"),
        (status = 413, description = "selection.too_many"),
        (status = 422, description = "resend.items_or_accounts resend.empty resend.only_undelivered \
            resend.unknown_accounts selection.blank_entry selection.bad_entry"),
    ),
)]
pub(super) async fn resend(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(task): TaskPath,
    JsonBytes(bytes): JsonBytes<{ json::MAX_BYTES }>,
) -> Result<Json<ResendAnswer>, Refusal> {
    body::must_be_object(&bytes)?;
    let chosen = Resending::parse(&bytes)?;
    visible(&api, &actor, task).await?;
    let resent = control(&api).resend(&actor, task, &chosen, WRITER).await?;
    let left = resent.left.into_iter().filter(|(_, accounts)| *accounts > 0).map(Left::from).collect();
    Ok(Json(ResendAnswer { task, state: resent.state, again: resent.again, left }))
}
