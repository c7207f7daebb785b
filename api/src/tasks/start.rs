//! `POST /v1/tasks`: asks for a bulk reset.
//!
//! 202 means: it is written down, and nothing can lose it. A repetition with the same key and body answers the same
//! task, with `Idempotent-Replayed: true`; the same key with another body is 422 (IETF draft on idempotency keys).

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keybell_scheduler::intake::json;
use keybell_shared::ids::TaskId;
use keybell_shared::problem::{Problem, ProblemKind};
use serde::Serialize;

use super::idempotency;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// The largest request, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// What was accepted, and where to look.
#[derive(Serialize)]
struct Accepted {
    task: TaskId,
    state_url: String,
    items_url: String,
    events_url: String,
}

/// Accepts a request.
pub(crate) async fn start(
    State(api): State<Api>,
    Caller(actor): Caller,
    request: Request,
) -> Result<Response, Refusal> {
    if !actor.role.may_reset() {
        let detail = format!("the role `{}` may watch tasks but not start them", actor.role);
        return Err(Problem::new(ProblemKind::Forbidden, "role.may_not_reset", detail).into());
    }
    let key = idempotency::key(request.headers())?.to_owned();
    let JsonBytes(bytes) = JsonBytes::<MAX_BODY>::from_request(request, &api).await?;
    body::must_be_object(&bytes)?;
    let submitted = api.intake.submit(&actor, json::parse(&bytes)?, &key).await.map_err(refusal)?;
    let state_url = format!("/v1/tasks/{}", submitted.task);
    let location = HeaderValue::from_str(&state_url);
    let accepted = Accepted {
        task: submitted.task,
        items_url: format!("{state_url}/items"),
        events_url: format!("{state_url}/events"),
        state_url,
    };
    let mut response = (StatusCode::ACCEPTED, Json(accepted)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = location {
        headers.insert(header::LOCATION, location);
    }
    if submitted.repeated {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The IETF draft wants 422 for a key that was used for another request, whatever kind other doors see in it.
fn refusal(problem: Problem) -> Refusal {
    let kind = if problem.code == "idempotency.mismatch" { ProblemKind::Invalid } else { problem.kind };
    Problem { kind, ..problem }.into()
}
