//! `POST /v1/plans/{id}/apply`: starts exactly what a plan says.

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use keybell_scheduler::intake::{Applying, json};
use keybell_shared::fault::{self, Window};
use keybell_shared::ids::PlanId;

use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;
use crate::tasks::{Accepted, accepted, idempotency_key, refusal};

/// Start a plan.
///
/// The plan's accounts become a task: exactly these, whoever joins the district later. If its people are not as they were
/// (who is meant, whether each may be reset, what decides how, and where each would be told), nothing is started, and 409
/// says the difference. Whoever becomes ineligible after this is skipped. Only who made the plan starts it, and once. A
/// shared password is given again.
#[utoipa::path(
    post,
    path = "/v1/plans/{id}/apply",
    operation_id = "applyPlan",
    tag = "Tasks",
    params(
        ("id" = inline(PlanId), Path, description = "The plan's id"),
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$",
            description = "The caller's own name for this request, as a rule a UUID",
            example = "7d1f6b1e-5c4b-4e8f-9b0a-3f2d8e6c1a57"),
    ),
    request_body(content = Applying, description = "That the precautions were read", examples(
        ("plain" = (summary = "Generated passwords", value = json!({ "acknowledgement": "2026-11" }))),
        ("shared" = (summary = "The shared password once more", value = json!({
            "acknowledgement": "2026-11", "password": { "source": "shared", "value": "Quiet-river-47" }
        }))),
    )),
    responses(
        (status = 202, description = "Accepted", body = Accepted,
            headers(
                ("Location" = String, description = "Where the task is shown"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` when it had been accepted before"),
            )),
        (status = 400, description = "idempotency.missing idempotency.malformed idempotency.repeated"),
        (status = 403, description = "approval.person_missing role.may_not_reset role.needs_person district.unknown plan.other_requester"),
        (status = 409, description = "plan.changed plan.used plan.expired"),
        (status = 422, description = "idempotency.mismatch acknowledgement.missing acknowledgement.outdated \
            plan.password_needed plan.password_unexpected password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.shared_unacknowledged \
            start.past"),
        (status = 503, description = "keys.reset_missing keys.reset_unusable"),
    ),
)]
pub(super) async fn apply(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(plan): Id<PlanId>,
    request: Request,
) -> Result<Response, Refusal> {
    let key = idempotency_key(request.headers())?.to_owned();
    let JsonBytes(bytes) = JsonBytes::<{ json::MAX_BYTES }>::from_request(request, &api).await?;
    body::must_be_object(&bytes)?;
    let submitted = api.intake.apply(&actor, plan, Applying::parse(&bytes)?, &key).await.map_err(refusal)?;
    fault::point(Window::RequestCommitted).await;
    Ok(accepted(submitted, None))
}
