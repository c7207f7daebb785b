//! `GET /v1/tasks/{id}/events`: a task's progress as server-sent events.
//!
//! The first event is the state of now, each later one is newer; the stream ends after the final one. The id of an
//! event is `<epoch>-<version>`; who comes back with `Last-Event-ID` gets nothing older or equal, and 204 when there
//! is nothing left to come, which tells browsers to stop asking.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use keybell_shared::ids::TaskId;
use keybell_shared::progress::Snapshot;

use super::follow::{Follower, Mark};
use super::scope::{TaskPath, visible};
use super::view::TaskEvent;
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// A comment is sent after so much silence, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Follow a task.
///
/// Server-sent events named `progress`. The first is the state of now, each later one is newer, and the stream ends
/// after the final one. Who comes back with `Last-Event-ID` gets only what is newer, also from another process after a
/// restart. 204 says that nothing is left to come.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/events",
    operation_id = "followTask",
    tag = "Tasks",
    params(
        ("id" = inline(TaskId), Path, description = "The task's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen",
            example = "1-42"),
    ),
    responses(
        (status = 200, description = "Events; the data of each is a `TaskEvent`", body = String,
            content_type = "text/event-stream"),
        (status = 204, description = "The final event was seen; do not come back"),
    ),
)]
pub(super) async fn events(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let task = visible(&api, &actor, id).await?;
    // A mark that cannot be read is no mark: the caller gets the whole truth again.
    let seen = headers.get("last-event-id").and_then(|mark| mark.to_str().ok()).and_then(|mark| mark.parse().ok());
    if task.progress.state.is_final() && seen.is_some_and(|seen| seen >= Mark::of(&task.progress)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let soft = api.soft.clone();
    let follower = Follower::start(api, actor, task.progress, seen).await;
    let snapshots = stream::unfold(follower, |mut follower| async move {
        let snapshot = follower.next().await?;
        Some((Ok::<_, Infallible>(event(&snapshot)), follower))
    });
    let events = snapshots.take_until(soft.cancelled_owned()).boxed();
    // A proxy that collects an answer before it passes it on would hold back every event.
    Ok(([("x-accel-buffering", "no")], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
        .into_response())
}

fn event(snapshot: &Snapshot) -> Event {
    // Numbers, UUIDs and fixed words cannot fail to serialise.
    let data = serde_json::to_string(&TaskEvent::from(snapshot)).unwrap_or_default();
    Event::default().event("progress").id(Mark::of(snapshot).to_string()).data(data)
}
