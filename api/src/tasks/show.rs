//! `GET /v1/tasks/{id}`: one task, straight from the ledger.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keybell_shared::config::Window;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::TaskView;

use super::scope::{TaskPath, visible};
use super::view::{Task, waiting};
use crate::auth::Caller;
use crate::etag;
use crate::parts::Api;
use crate::refusal::Refusal;

/// Show a task.
///
/// With the tag of an earlier answer in `If-None-Match`, 304 says that nothing has changed since.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    operation_id = "getTask",
    tag = "Tasks",
    params(
        ("id" = inline(TaskId), Path, description = "The task's id"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of earlier answers, or `*`",
            example = "\"1-42\""),
    ),
    responses(
        (status = 200, description = "The task", body = Task,
            headers(("ETag" = String, description = "Changes whenever the task does")),
            example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "state": "running", "held": false, "parent": null,
            "plan": null, "approved_by": null, "starts_at": null, "waits": null, "wave": null, "halted": null,
            "accepted_at": "2026-11-02T08:00:00Z", "finished_at": null, "requester": "sis", "reason": "start_of_year",
            "temporary": true, "expires_in_hours": 168,
            "request": { "version": 1, "selection": { "scope": "all" }, "mode": "force",
                "password": { "source": "generated", "format": "by-grade", "language": "en" }, "policy": "standard", "notify": "auto",
                "channel": "email", "recipient": "account", "reason": "start_of_year", "acknowledgement": "2026-11" },
            "progress": { "total": 412,
                "reset": { "pending": 12, "reset": 393, "skipped": 7, "cancelled": 0, "superseded": 0, "failed": 0 },
                "notify": { "total": 393, "waiting": 20, "notified": 371, "silent": 0, "undelivered": 2, "retries": 5 } },
            "digest": null
        })),
        (status = 304, description = "Nothing has changed",
            headers(("ETag" = String, description = "The tag of the task as it is"))),
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let task = visible(&api, &actor, id).await?;
    let windows = api.intake.windows_of(actor.district).await?;
    let tag = tag(&task, &windows);
    let unchanged = etag::matches(&headers, &tag);
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(Task::of(task, &windows)).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    // The caller may keep it, but must ask each time whether it still holds.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Which version of the task it is. Holding a task changes no count, nor does time, so they are told apart here.
fn tag(task: &TaskView, windows: &[Window]) -> String {
    let held = if task.held { "-held" } else { "" };
    let waits = waiting(task, windows).map(|waits| format!("-waits-{}", waits.until.0)).unwrap_or_default();
    format!("{}-{}-{}{held}{waits}", task.progress.epoch, task.progress.version, task.progress.state)
}
