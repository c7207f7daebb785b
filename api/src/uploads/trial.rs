//! `POST /v1/uploads/trial`: what an upload would do.

use axum::Json;
use axum::extract::State;

use super::asked::Asked;
use super::file::UploadedFile;
use super::view::UploadTrial;
use crate::auth::Caller;
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;

/// Try an upload out.
///
/// Reads the file and judges every row as the upload will: who is meant, whether the account may be reset, the new password
/// by the policy, the new username. Nothing changes and nothing is kept, so it can be done as often as wanted. The answer's
/// `trial` starts exactly this.
#[utoipa::path(
    post,
    path = "/v1/uploads/trial",
    operation_id = "tryUpload",
    tag = "Uploads",
    params(Asked),
    request_body(description = "The file: an export that was filled in", content(
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 200, description = "What would happen", body = UploadTrial, example = json!({
            "trial": "5f0d9cf2a1b3c4d5e6f708192a3b4c5d5f0d9cf2a1b3c4d5e6f708192a3b4c5d-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "file": { "kind": "CSV, UTF-8, commas", "warnings": [] },
            "rows": { "total": 30, "ok": 28, "renamed": 3, "skipped": 1, "errors": 1 },
            "codes": [
                { "code": "OK", "meaning": "in order: the row will be done as it says", "rows": 28 },
                { "code": "E09", "meaning": "blank password: write one, or remove the row", "rows": 1 },
                { "code": "S03", "meaning": "skipped: the account is not active", "rows": 1 }
            ],
            "listed": [{
                "line": 7, "username": "mjones", "code": "E09", "meaning": "blank password: write one, or remove the row",
                "detail": "`New password` is blank; write one, or remove the row"
            }],
            "unlisted": 1
        })),
        (status = 403, description = "role.may_not_reset role.needs_person"),
        (status = 415, description = "upload.media_type"),
        (status = 422, description = "upload.columns upload.unreadable upload.same_password notify.link_is_sent unreachable.nobody_is_told \
            mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.expiry_without_temporary \
            password.expiry_out_of_range"),
        (status = 503, description = "keys.reset_missing upload.busy"),
    ),
)]
pub(super) async fn trial(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
    UploadedFile(file): UploadedFile,
) -> Result<Json<UploadTrial>, Refusal> {
    let trial = api.intake.try_upload(&actor, &file, asked.into()).await?;
    Ok(Json(UploadTrial::new(file, trial)))
}
