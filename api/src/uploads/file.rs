//! Reading the file: the body as it is, whatever it is called. What it is, its bytes say.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use keybell_roster::upload;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::upload::UploadFile;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::body;
use crate::files::XLSX;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The largest file, in bytes.
pub(super) const MAX_BYTES: usize = upload::MAX_BYTES;
/// What browsers on Windows call CSV files once Excel is installed.
const OLD_EXCEL: &str = "application/vnd.ms-excel";
/// Files that are read at a time.
const AT_A_TIME: usize = 2;

/// Where files are read, a few at a time: a workbook is unpacked in memory, because passwords touch no disk.
pub(crate) struct Reading(Semaphore);

impl Default for Reading {
    fn default() -> Self {
        Self(Semaphore::new(AT_A_TIME))
    }
}

/// The file of a request.
pub(super) struct UploadedFile(pub(super) UploadFile);

impl FromRequest<Api> for UploadedFile {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        check_type(request.headers())?;
        let bytes = body::gather(request, MAX_BYTES).await?;
        api.reading.read(bytes).await.map(Self)
    }
}

impl Reading {
    async fn read(&self, bytes: Zeroizing<Vec<u8>>) -> Result<UploadFile, Refusal> {
        // The semaphore is never closed.
        let _turn = self.0.acquire().await.map_err(|_| unreadable("the file could not be read"))?;
        let read = tokio::task::spawn_blocking(move || upload::read(&bytes)).await;
        let read = read.map_err(|_| unreadable("the file could not be read"))?;
        read.map_err(|error| {
            let entries = error.columns().iter().map(ToString::to_string).collect();
            let code = if error.columns().is_empty() { "upload.unreadable" } else { "upload.columns" };
            Problem::new(ProblemKind::Invalid, code, error.to_string()).with_entries(entries).into()
        })
    }
}

fn unreadable(detail: &str) -> Refusal {
    Problem::new(ProblemKind::Invalid, "upload.unreadable", detail).into()
}

/// A file, not compressed, said once. Which kind of file is not looked at here.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let essence = body::plain_type(headers)?.and_then(|media_type| media_type.split(';').next()).map(str::trim);
    let known = ["text/csv", XLSX, OLD_EXCEL, "application/octet-stream"];
    if essence.is_some_and(|it| known.iter().any(|known| it.eq_ignore_ascii_case(known))) {
        return Ok(());
    }
    let detail = "send the file itself as the body, as `text/csv` or as an XLSX workbook";
    Err(body::wrong_type("upload.media_type", detail))
}
