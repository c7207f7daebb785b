//! `GET /v1/tasks?limit=&before=`: the tasks, the newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::Task;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// How many on a page: 1 to 200; more is brought down to 200.
    #[param(value_type = u64, required = false, minimum = 1, default = 50, example = 50)]
    limit: Option<String>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[0-9a-f]{24}$")]
    before: Option<String>,
}

/// One page.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskPage {
    /// The newest first.
    tasks: Vec<Task>,
    /// The `before` of the next page; `null` on the last one.
    #[schema(required = true, pattern = "^[0-9a-f]{24}$")]
    next: Option<String>,
}

/// List tasks.
///
/// The newest first. Administrators and operators see the tasks of the district, everybody else their own ones.
#[utoipa::path(
    get,
    path = "/v1/tasks",
    operation_id = "listTasks",
    tag = "Tasks",
    params(Asked),
    responses(
        (status = 200, description = "A page of tasks", body = TaskPage, example = json!({ "tasks": [], "next": null })),
        (status = 400, description = "query.limit query.cursor"),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<TaskPage>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let cursors = List::Tasks(actor.district.0);
    let before = asked.before.map(|cursor| page::read(cursors, "before", &cursor)).transpose()?;
    // One more than asked tells whether there is another page.
    let only = actor.only_tasks_of();
    let mut found = api.ledger.tasks(actor.district, only, before, size + 1).await?;
    // The ledger has filtered; a caller without a usable name must not see everything for it.
    found.retain(|task| only.is_none_or(|name| task.requester == name));
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| page::write(cursors, last.seq));
    let windows = api.intake.windows_of(actor.district).await?;
    let tasks = found.into_iter().map(|task| Task::of(task, &windows)).collect();
    Ok(Json(TaskPage { tasks, next }))
}
