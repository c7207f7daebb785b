//! XLSX: rows go to a temporary file as they come; the finished workbook is packed while it is sent. Both happen on a
//! thread that may block.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use keybell_roster::export::ExportError;
use keybell_shared::problem::{Problem, ProblemKind};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::{Pages, Table, XLSX, failed, named};
use crate::refusal::Refusal;

/// Pieces of the file that may wait for a slow client.
const PIECES: usize = 8;
/// The size of a piece, in bytes.
const PIECE: usize = 64 * 1024;

/// The rows as XLSX, in a file with this plain name; there will be `expected` rows at most, or 0 where nobody knows.
pub(crate) async fn xlsx<T: Table>(
    name: &str,
    expected: u64,
    mut pages: impl Pages<Row = T::Row>,
) -> Result<Response, Refusal> {
    let (rows, waiting) = mpsc::channel(1);
    let (written, ready) = oneshot::channel();
    let (pieces, sent) = mpsc::channel(PIECES);
    let made = tokio::task::spawn_blocking(move || make::<T>(expected, waiting, written, pieces));
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
    Ok((named(XLSX, name), Body::from_stream(ReceiverStream::new(sent))).into_response())
}

/// Writes the table row by row, says when all rows are written, and sends the packed file. What goes wrong afterwards
/// ends the body with an error, so that nobody takes the file for whole.
fn make<T: Table>(
    expected: u64,
    mut rows: mpsc::Receiver<Vec<T::Row>>,
    written: oneshot::Sender<()>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), ExportError> {
    let mut sheet = T::sheet(expected)?;
    while let Some(page) = rows.blocking_recv() {
        T::push(&mut sheet, &page)?;
    }
    if written.send(()).is_err() {
        return Ok(());
    }
    let broken = pieces.clone();
    let mut out = io::BufWriter::with_capacity(PIECE, Pieces(pieces));
    if let Err(error) = sheet.finish(&mut out).and_then(|()| Ok(out.flush()?)) {
        tracing::warn!(%error, "a file ended early");
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
            let detail = "there are more rows than an XLSX sheet can hold; take the CSV file";
            return Problem::new(ProblemKind::Invalid, "export.too_large", detail).into();
        }
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(())) => "it ended early".to_owned(),
        Err(_) => "its thread panicked".to_owned(),
    };
    failed(&reason)
}
