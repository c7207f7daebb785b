//! Which tasks a caller sees. What they do not see does not exist for them: 404, as for another district's.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::TaskView;
use keybell_shared::problem::Problem;

use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// The task in the path. Anything but a UUID in its usual form names no task.
pub(crate) struct TaskPath(pub(crate) TaskId);

impl FromRequestParts<Api> for TaskPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        match Id::from_request_parts(parts, api).await {
            Ok(Id(task)) => Ok(Self(task)),
            Err(_) => Err(Problem::not_found("task").into()),
        }
    }
}

/// The task, if there is one that the caller sees.
pub(super) async fn visible(api: &Api, actor: &Actor, task: TaskId) -> Result<TaskView, Refusal> {
    let found = api.ledger.task(actor.district, task).await?;
    found
        .filter(|task| actor.only_tasks_of().is_none_or(|name| task.requester == name))
        .ok_or_else(|| Problem::not_found("task").into())
}
