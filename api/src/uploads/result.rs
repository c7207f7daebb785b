//! `POST /v1/uploads/trial/result.csv` and `…xlsx`: a trial run, answered as a file with a status beside every row.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use keybell_roster::export::{ExportError, result};
use keybell_shared::actor::Actor;
use keybell_shared::upload::{Judged, UploadFile, UploadRow};

use super::asked::Asked;
use super::file::UploadedFile;
use crate::auth::Caller;
use crate::files::{CSV, XLSX, failed, named};
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;

/// Writes the rows and what was found out about them.
type Writer = fn(&[UploadRow], &[Judged]) -> Result<Vec<u8>, ExportError>;

/// Try an upload out, answered as CSV.
///
/// The same trial run as `POST /v1/uploads/trial`; the answer is the file with its line numbers, a status for every row and
/// what to do, without the passwords.
#[utoipa::path(
    post,
    path = "/v1/uploads/trial/result.csv",
    operation_id = "tryUploadCsv",
    tag = "Uploads",
    params(Asked),
    request_body(description = "The file: an export that was filled in", content(
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv; charset=utf-8",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 403, description = "role.may_not_reset role.needs_person"),
        (status = 415, description = "upload.media_type"),
        (status = 422, description = "upload.columns upload.unreadable upload.same_password notify.link_is_sent unreachable.nobody_is_told \
            mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.expiry_without_temporary \
            password.expiry_out_of_range"),
        (status = 500, description = "export.failed"),
        (status = 503, description = "keys.reset_missing upload.busy"),
    ),
)]
pub(super) async fn csv(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
    UploadedFile(file): UploadedFile,
) -> Result<Response, Refusal> {
    let bytes = written(&api, &actor, file, asked, |rows, judged| result::csv_page(true, rows, judged)).await?;
    Ok((named(CSV, "result.csv"), bytes).into_response())
}

/// Try an upload out, answered as XLSX.
///
/// As the CSV file, for spreadsheets; a second sheet has the legend.
#[utoipa::path(
    post,
    path = "/v1/uploads/trial/result.xlsx",
    operation_id = "tryUploadXlsx",
    tag = "Uploads",
    params(Asked),
    request_body(description = "The file: an export that was filled in", content(
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 403, description = "role.may_not_reset role.needs_person"),
        (status = 415, description = "upload.media_type"),
        (status = 422, description = "upload.columns upload.unreadable upload.same_password notify.link_is_sent unreachable.nobody_is_told \
            mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.expiry_without_temporary \
            password.expiry_out_of_range"),
        (status = 500, description = "export.failed"),
        (status = 503, description = "keys.reset_missing upload.busy"),
    ),
)]
pub(super) async fn xlsx(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
    UploadedFile(file): UploadedFile,
) -> Result<Response, Refusal> {
    let bytes = written(&api, &actor, file, asked, workbook).await?;
    Ok((named(XLSX, "result.xlsx"), bytes).into_response())
}

fn workbook(rows: &[UploadRow], judged: &[Judged]) -> Result<Vec<u8>, ExportError> {
    let mut sheet = result::xlsx(rows.len() as u64)?;
    result::push(&mut sheet, rows, judged)?;
    let mut bytes = Vec::new();
    sheet.finish(&mut bytes)?;
    Ok(bytes)
}

async fn written(api: &Api, actor: &Actor, file: UploadFile, asked: Asked, write: Writer) -> Result<Vec<u8>, Refusal> {
    let trial = api.intake.try_upload(actor, &file, asked.into()).await?;
    let made = tokio::task::spawn_blocking(move || write(&file.rows, &trial.rows)).await;
    match made {
        Ok(written) => written.map_err(|error| failed(&error.to_string())),
        Err(_) => Err(failed("its thread panicked")),
    }
}
