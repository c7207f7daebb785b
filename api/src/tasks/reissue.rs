//! `POST /v1/tasks/{id}/reissue`: takes items of a task up again, as a new task.

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use keybell_scheduler::intake::{Reissuing, json};
use keybell_shared::ids::TaskId;

use super::idempotency;
use super::scope::{TaskPath, visible};
use super::start::{Accepted, accepted, refusal};
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// Take items up again.
///
/// Makes a new task over the accounts of the chosen items: new passwords, told anew. What is left out is as in the
/// earlier task, but for a shared password, which must be given again. Send an `Idempotency-Key` as for a new task.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/reissue",
    operation_id = "reissueTask",
    tag = "Control",
    params(
        ("id" = inline(TaskId), Path, description = "The earlier task's id"),
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$",
            description = "The caller's own name for this request, as a rule a UUID",
            example = "0c7a2f4e-9a55-4d0c-8f47-5d1b6f1e2a90"),
    ),
    request_body(content = Reissuing, description = "Who, and what is different this time", examples(
        ("all" = (summary = "All that failed or could not be told", value = json!({ "acknowledgement": "2026-11" }))),
        ("some" = (summary = "Two of them, by SMS", value = json!({
            "accounts": ["mjones", "lchen"], "channel": "sms", "acknowledgement": "2026-11"
        }))),
    )),
    responses(
        (status = 202, description = "Accepted, as a new task", body = Accepted,
            headers(
                ("Location" = String, description = "Where the new task is shown"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` when it had been accepted before"),
            ),
            example = json!({
                "task": "01937301-0c1d-7aa2-8b1e-2f60a9d4c3e5", "parent": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11",
                "state_url": "/v1/tasks/01937301-0c1d-7aa2-8b1e-2f60a9d4c3e5",
                "items_url": "/v1/tasks/01937301-0c1d-7aa2-8b1e-2f60a9d4c3e5/items",
                "events_url": "/v1/tasks/01937301-0c1d-7aa2-8b1e-2f60a9d4c3e5/events"
            })),
        (status = 400, description = "idempotency.missing idempotency.malformed \
            idempotency.repeated"),
        (status = 403, description = "approval.person_missing confirm.not_permitted role.may_not_reset role.needs_person district.unknown"),
        (status = 413, description = "selection.too_many"),
        (status = 422, description = "reissue.items_or_accounts reissue.empty reissue.not_final \
            reissue.unknown_accounts reissue.not_in_task reissue.nobody reissue.password_needed \
            selection.blank_entry selection.bad_entry idempotency.mismatch acknowledgement.missing \
            acknowledgement.outdated notify.nobody_would_know notify.link_is_sent unreachable.nobody_is_told links.no_url mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.expiry_without_temporary password.expiry_out_of_range \
            password.shared_unacknowledged password.shared_must_be_temporary password.shared_expiry_too_long \
            password.grades_without_temporary password.too_many_grades password.upload_only start.no_instant start.past \
            start.too_far start.zone waves.canary_too_large waves.percent_out_of_range"),
        (status = 503, description = "keys.reset_missing keys.reset_unusable"),
    ),
)]
pub(super) async fn reissue(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(parent): TaskPath,
    request: Request,
) -> Result<Response, Refusal> {
    if actor.role.may_reset() {
        visible(&api, &actor, parent).await?;
    }
    let key = idempotency::key(request.headers())?.to_owned();
    let JsonBytes(bytes) = JsonBytes::<{ json::MAX_BYTES }>::from_request(request, &api).await?;
    body::must_be_object(&bytes)?;
    let submitted = api.intake.reissue(&actor, parent, Reissuing::parse(&bytes)?, &key).await.map_err(refusal)?;
    Ok(accepted(submitted, Some(parent)))
}
