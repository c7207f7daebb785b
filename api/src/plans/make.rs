//! `POST /v1/plans`, `GET /v1/plans/{id}`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keybell_scheduler::intake::json;
use keybell_shared::ids::PlanId;
use keybell_shared::request::ResetRequest;

use super::view::StoredPlan;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// Plan a reset.
///
/// Checks the request as `POST /v1/tasks` does and writes down whom it means as of now: who would be reset, who would be
/// skipped and why, and about whom nobody could be told; with the rules that would be applied, and how long it would take
/// from what was measured. No password changes, and it can be done as often as wanted. The plan can be started within 24
/// hours, and then does exactly this or refuses with the difference. Of one caller's unused plans the newest ten are kept.
/// A shared password is checked and not kept.
#[utoipa::path(
    post,
    path = "/v1/plans",
    operation_id = "makePlan",
    tag = "Before",
    request_body(content = ResetRequest, description = "The request", examples(
        ("everybody" = (summary = "A new school year", value = json!({
            "selection": { "scope": "without_role", "where": { "grades": ["09", "10"] } },
            "password": { "source": "generated", "format": "by-grade" },
            "channel": "cascade", "reason": "start_of_year"
        }))),
    )),
    responses(
        (status = 201, description = "The plan", body = StoredPlan,
            headers(("Location" = String, description = "Where the plan is shown")),
            example = json!({
                "plan": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "requester": "front office",
                "created_at": "2026-11-02T08:00:00Z", "expires_at": "2026-11-03T08:00:00Z", "expired": false, "task": null,
                "request": {
                    "version": 1, "selection": { "scope": "without_role" }, "mode": "force",
                    "password": { "source": "generated", "format": "by-grade" }, "policy": "standard", "notify": "auto",
                    "channel": "cascade", "recipient": "account", "reason": "start_of_year"
                },
                "people": {
                    "total": 419, "eligible": 412, "unreachable": 3,
                    "skipped": [{ "code": "S03", "meaning": "skipped: the account is not active", "accounts": 7 }]
                },
                "rules": {
                    "mode": "force", "password": "generated", "format": "by-grade", "language": "en", "policy": "standard",
                    "temporary": true, "permanent_grades": [], "clear_security_questions": false,
                    "expires_in_hours": 168, "notify": "auto", "told": true, "delivery": "password", "channel": "cascade", "recipient": "account",
                    "unreachable": "reset", "precautions": "2026-11"
                },
                "approval": { "needed": false, "above": null },
                "estimate": {
                    "seconds": 3, "accounts_per_second": 148.2,
                    "measured_on": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f12", "measured_at": "2026-11-01T08:00:00Z",
                    "basis": "the fastest of the last measured tasks: 1200 passwords in 8.1 s, up to the last message"
                },
                "waits": null,
                "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "items_url": "/v1/plans/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/items"
            })),
        (status = 403, description = "confirm.not_permitted role.may_not_reset role.needs_person district.unknown"),
        (status = 413, description = "selection.too_many"),
        (status = 422, description = "version.unsupported selection.empty selection.unexpected_accounts selection.unexpected_where selection.blank_entry \
            selection.bad_entry selection.empty_filter selection.nobody selection.unknown_accounts \
            selection.unknown_names notify.nobody_would_know notify.link_is_sent unreachable.nobody_is_told links.no_url mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.expiry_without_temporary password.expiry_out_of_range \
            password.shared_unacknowledged password.shared_must_be_temporary password.shared_expiry_too_long \
            password.grades_without_temporary password.too_many_grades password.upload_only \
            start.no_instant start.past start.too_far start.zone waves.canary_too_large waves.percent_out_of_range"),
        (status = 503, description = "keys.reset_missing"),
    ),
)]
pub(super) async fn make(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(bytes): JsonBytes<{ json::MAX_BYTES }>,
) -> Result<Response, Refusal> {
    body::must_be_object(&bytes)?;
    let planned = api.intake.plan(&actor, json::parse(&bytes)?).await?;
    let location = HeaderValue::from_str(&format!("/v1/plans/{}", planned.view.id));
    let mut response = (StatusCode::CREATED, Json(StoredPlan::from(planned))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Show a plan.
///
/// Administrators and operators see the plans of the district, everybody else their own ones. The people are those of the
/// moment when it was made; the estimate is of now. A plan is forgotten some time after it expired.
#[utoipa::path(
    get,
    path = "/v1/plans/{id}",
    operation_id = "getPlan",
    tag = "Before",
    params(("id" = inline(PlanId), Path, description = "The plan's id")),
    responses((status = 200, description = "The plan", body = StoredPlan)),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(plan): Id<PlanId>,
) -> Result<Json<StoredPlan>, Refusal> {
    Ok(Json(api.intake.planned(&actor, plan).await?.into()))
}
