//! `POST /v1/tasks`: asks for a bulk reset.
//!
//! 202 means: it is written down, and nothing can lose it. A repetition with the same key and body answers the same
//! task, with `Idempotent-Replayed: true`; the same key with another body is 422 (IETF draft on idempotency keys).

use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keybell_scheduler::intake::{Submitted, json};
use keybell_shared::fault::{self, Window};
use keybell_shared::ids::TaskId;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::ResetRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::idempotency;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// What was accepted, and where to look.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    task: TaskId,
    /// The task that this one takes up again, if it is a re-issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TaskId, required = false)]
    parent: Option<TaskId>,
    /// Where the task is shown.
    #[schema(example = "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11")]
    state_url: String,
    /// Where its items are listed.
    #[schema(example = "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/items")]
    items_url: String,
    /// Where it can be followed.
    #[schema(example = "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/events")]
    events_url: String,
}

/// Start a bulk reset.
///
/// 202 means: it is written down, and nothing can lose it. Send a fresh `Idempotency-Key` for each new request and the
/// same one for a repetition, which answers the same task.
#[utoipa::path(
    post,
    path = "/v1/tasks",
    operation_id = "startTask",
    tag = "Tasks",
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$",
        description = "The caller's own name for this request, as a rule a UUID",
        example = "7d1f6b1e-5c4b-4e8f-9b0a-3f2d8e6c1a57")),
    request_body(content = ResetRequest, description = "Whose passwords, how, and why", examples(
        ("generated" = (summary = "One password per account, told by e-mail, else SMS, else the guardians", value = json!({
            "selection": { "scope": "without_role", "where": { "grades": ["09", "10"] } },
            "password": { "source": "generated", "format": "by-grade" },
            "channel": "cascade", "reason": "start_of_year", "acknowledgement": "2026-11"
        }))),
        ("named" = (summary = "Two who lost theirs", value = json!({
            "selection": { "scope": "selected", "accounts": ["mjones", "lchen"] },
            "reason": "lost", "acknowledgement": "2026-11"
        }))),
        ("shared" = (summary = "One password for a class, told by the teacher", value = json!({
            "selection": { "scope": "all", "where": { "classes": ["3B"] } },
            "password": { "source": "shared", "value": "Quiet-river-47" },
            "reason": "lost", "acknowledgement": "2026-11"
        }))),
    )),
    responses(
        (status = 202, description = "Accepted", body = Accepted,
            headers(
                ("Location" = String, description = "Where the task is shown"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` when it had been accepted before"),
            ),
            example = json!({
                "task": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11",
                "state_url": "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11",
                "items_url": "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/items",
                "events_url": "/v1/tasks/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/events"
            })),
        (status = 400, description = "idempotency.missing idempotency.malformed idempotency.repeated"),
        (status = 403, description = "approval.person_missing confirm.not_permitted role.may_not_reset role.needs_person district.unknown"),
        (status = 413, description = "selection.too_many"),
        (status = 422, description = "idempotency.mismatch version.unsupported acknowledgement.missing \
            acknowledgement.outdated selection.empty selection.unexpected_accounts selection.unexpected_where \
            selection.blank_entry selection.bad_entry selection.empty_filter selection.nobody \
            selection.unknown_accounts selection.unknown_names notify.nobody_would_know notify.link_is_sent unreachable.nobody_is_told links.no_url mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.too_short password.too_long password.control_character password.no_capital \
            password.no_lower_case password.no_digit password.common password.personal \
            password.expiry_without_temporary password.expiry_out_of_range password.shared_unacknowledged \
            password.shared_must_be_temporary password.shared_expiry_too_long \
            password.grades_without_temporary password.too_many_grades password.upload_only \
            start.no_instant start.past start.too_far start.zone waves.canary_too_large waves.percent_out_of_range"),
        (status = 503, description = "keys.reset_missing keys.reset_unusable"),
    ),
)]
pub(super) async fn start(
    State(api): State<Api>,
    Caller(actor): Caller,
    request: Request,
) -> Result<Response, Refusal> {
    if !actor.role.may_reset() {
        let detail = format!("the role `{}` may watch tasks but not start them", actor.role);
        return Err(Problem::new(ProblemKind::Forbidden, "role.may_not_reset", detail).into());
    }
    let key = idempotency::key(request.headers())?.to_owned();
    let JsonBytes(bytes) = JsonBytes::<{ json::MAX_BYTES }>::from_request(request, &api).await?;
    body::must_be_object(&bytes)?;
    let submitted = api.intake.submit(&actor, json::parse(&bytes)?, &key).await.map_err(refusal)?;
    fault::point(Window::RequestCommitted).await;
    Ok(accepted(submitted, None))
}

/// The answer to an accepted request.
pub(crate) fn accepted(submitted: Submitted, parent: Option<TaskId>) -> Response {
    let state_url = format!("/v1/tasks/{}", submitted.task);
    let location = HeaderValue::from_str(&state_url);
    let accepted = Accepted {
        task: submitted.task,
        parent,
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
    response
}

/// The IETF draft wants 422 for a key that was used for another request, whatever kind other doors see in it.
pub(crate) fn refusal(problem: Problem) -> Refusal {
    let kind = if problem.code == "idempotency.mismatch" { ProblemKind::Invalid } else { problem.kind };
    Problem { kind, ..problem }.into()
}
