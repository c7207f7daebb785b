//! `GET /v1/tasks/{id}`: one task, straight from the ledger.

use axum::Json;
use axum::extract::State;

use super::scope::{TaskPath, visible};
use super::view::Task;
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// Shows a task.
pub(crate) async fn show(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
) -> Result<Json<Task>, Refusal> {
    Ok(Json(visible(&api, &actor, id).await?.into()))
}
