//! `GET /v1/tasks/{id}/report.xlsx` and `…/unreachable.xlsx`. Rows go to a temporary file as they come; the finished
//! workbook is packed while it is sent. Both happen on a thread that may block.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use keybell_roster::export::{ExportError, outcome};
use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{ItemFilter, ReportRow};
use keybell_shared::problem::{Problem, ProblemKind};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::pages::{Pages, UNREACHABLE};
use super::{Asked, XLSX, failed, file};
use crate::auth::Caller;
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::tasks::scope::{TaskPath, visible};

/// Pieces of the file that may wait for a slow client.
const PIECES: usize = 8;
/// The size of a piece, in bytes.
const PIECE: usize = 64 * 1024;

/// Download the outcome as XLSX.
///
/// As the CSV file, for spreadsheets; every cell is text or a number, never a formula. At most 1 048 575 accounts.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/report.xlsx",
    operation_id = "downloadReportXlsx",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id"), Asked),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 400, description = "query.state"),
        (status = 422, description = "export.too_large"),
        (status = 500, description = "export.failed"),
    ),
)]
pub(super) async fn report(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    sent(api, &actor, id, asked.filter()?, "report").await
}

/// Download who could not be told, as XLSX.
///
/// As the CSV file, for spreadsheets.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/unreachable.xlsx",
    operation_id = "downloadUnreachableXlsx",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 422, description = "export.too_large"),
        (status = 500, description = "export.failed"),
    ),
)]
pub(super) async fn unreachable(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
) -> Result<Response, Refusal> {
    sent(api, &actor, id, UNREACHABLE, "unreachable").await
}

async fn sent(api: Api, actor: &Actor, task: TaskId, filter: ItemFilter, name: &str) -> Result<Response, Refusal> {
    let view = visible(&api, actor, task).await?;
    let counts = view.progress.counts;
    // A number that may be too large must not refuse a file that would fit.
    let expected = if filter.state.is_none() { counts.total() } else { 0 };
    let (rows, waiting) = mpsc::channel(1);
    let (written, ready) = oneshot::channel();
    let (pieces, sent) = mpsc::channel(PIECES);
    let made = tokio::task::spawn_blocking(move || {
        make(u64::try_from(expected).unwrap_or_default(), waiting, written, pieces)
    });
    let mut pages = Pages::new(api, actor.district, task, filter);
    while let Some(page) = pages.next().await? {
        // When it does not take any more, it has failed and says why below.
        if rows.send(page).await.is_err() {
            break;
        }
    }
    drop(rows);
    // From here on the whole table is written down, and only packing and sending it is left.
    if ready.await.is_err() {
        return Err(refusal(made.await));
    }
    Ok((file(XLSX, &format!("{name}-{task}.xlsx")), Body::from_stream(ReceiverStream::new(sent))).into_response())
}

/// Writes the table row by row, says when all rows are written, and sends the packed file. What goes wrong afterwards
/// ends the body with an error, so that nobody takes the file for whole.
fn make(
    expected: u64,
    mut rows: mpsc::Receiver<Vec<ReportRow>>,
    written: oneshot::Sender<()>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), ExportError> {
    let mut sheet = outcome::xlsx(expected)?;
    while let Some(page) = rows.blocking_recv() {
        outcome::push(&mut sheet, &page)?;
    }
    if written.send(()).is_err() {
        return Ok(());
    }
    let broken = pieces.clone();
    let mut out = io::BufWriter::with_capacity(PIECE, Pieces(pieces));
    if let Err(error) = sheet.finish(&mut out).and_then(|()| Ok(out.flush()?)) {
        tracing::warn!(%error, "a report ended early");
        // Whoever does not listen any more need not hear it.
        drop(broken.blocking_send(Err(io::Error::other("the file could not be finished"))));
    }
    Ok(())
}

/// Sends what is written as pieces of a body.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why the table could not be written.
fn refusal(made: Result<Result<(), ExportError>, tokio::task::JoinError>) -> Refusal {
    let reason = match made {
        Ok(Err(ExportError::TooManyRows { .. })) => {
            let detail = "there are more accounts than an XLSX sheet can hold; take the CSV file";
            return Problem::new(ProblemKind::Invalid, "export.too_large", detail).into();
        }
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(())) => "it ended early".to_owned(),
        Err(_) => "its thread panicked".to_owned(),
    };
    failed(&reason)
}
