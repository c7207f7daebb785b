//! `POST /v1/uploads`: starts what was tried out.

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use keybell_shared::fault::{self, Window};
use keybell_shared::problem::{Problem, ProblemKind};

use super::asked::Asked;
use super::file::UploadedFile;
use crate::auth::Caller;
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::tasks::{Accepted, accepted, idempotency_key, refusal};

/// Start an upload.
///
/// The same file with the same rules as in the trial run whose `trial` stands in the query. The rows are judged once more; if
/// anything is found out that the trial run did not find, nothing is started, and 409 says so. One row with an error stops
/// the whole upload, unless `allow_partial` lets the good rows go ahead. Each account of a good row becomes an item of the
/// task; its password is sealed at once, and its username changes together with the password, or not at all.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    operation_id = "startUpload",
    tag = "Uploads",
    params(
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$",
            description = "The caller's own name for this request, as a rule a UUID",
            example = "7d1f6b1e-5c4b-4e8f-9b0a-3f2d8e6c1a57"),
        Asked,
    ),
    request_body(description = "The file that was tried out", content(
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
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
        (status = 403, description = "approval.person_missing role.may_not_reset role.needs_person district.unknown"),
        (status = 409, description = "upload.other_file upload.changed upload.started"),
        (status = 415, description = "upload.media_type"),
        (status = 422, description = "idempotency.mismatch upload.no_trial upload.columns upload.unreadable \
            upload.same_password upload.rows_refused upload.nothing_to_do acknowledgement.missing \
            acknowledgement.outdated links.no_url notify.link_is_sent unreachable.nobody_is_told mode.sets_no_password mode.nothing_temporary \
            mode.nothing_expires password.expiry_without_temporary password.expiry_out_of_range start.no_instant \
            start.past start.too_far start.zone waves.by_missing waves.canary_too_large waves.percent_out_of_range"),
        (status = 503, description = "keys.reset_missing keys.reset_unusable upload.busy"),
    ),
)]
pub(super) async fn start(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
    request: Request,
) -> Result<Response, Refusal> {
    if !actor.role.may_reset() {
        let detail = format!("the role `{}` may watch tasks but not start them", actor.role);
        return Err(Problem::new(ProblemKind::Forbidden, "role.may_not_reset", detail).into());
    }
    let key = idempotency_key(request.headers())?.to_owned();
    let UploadedFile(file) = UploadedFile::from_request(request, &api).await?;
    let (rules, start) = asked.parts()?;
    let submitted = api.intake.upload(&actor, &file, rules, start, &key).await.map_err(refusal)?;
    fault::point(Window::RequestCommitted).await;
    Ok(accepted(submitted, None))
}
