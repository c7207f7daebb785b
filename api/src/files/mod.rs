//! Tables for people as files, CSV and XLSX: read page by page from the ledger and never held in memory as a whole.

mod csv;
mod xlsx;

use axum::http::{HeaderName, header};
use keybell_roster::export::{ExportError, XlsxSheet};
use keybell_shared::problem::{Problem, ProblemKind};

use crate::refusal::Refusal;

pub(crate) use self::csv::csv;
pub(crate) use self::xlsx::xlsx;

/// The media type of CSV files of ours.
pub(crate) const CSV: &str = "text/csv; charset=utf-8";
/// The media type of XLSX files.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// How the rows of one kind are written.
pub(crate) trait Table: 'static {
    /// A row.
    type Row: Send + 'static;

    /// One page as CSV; the first has the header.
    fn csv_page(first: bool, rows: &[Self::Row]) -> Result<Vec<u8>, ExportError>;

    /// Starts a workbook that will have this many rows at most.
    fn sheet(expected: u64) -> Result<XlsxSheet, ExportError>;

    /// Adds rows to it.
    fn push(sheet: &mut XlsxSheet, rows: &[Self::Row]) -> Result<(), ExportError>;
}

/// Rows, a page at a time.
pub(crate) trait Pages: Send + 'static {
    /// A row.
    type Row: Send + 'static;

    /// The next page, which is not empty; `None` after the last one.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Row>>, Problem>> + Send;
}

/// The headers of a file with a plain name.
pub(crate) fn named(media_type: &'static str, name: &str) -> [(HeaderName, String); 2] {
    [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ]
}

/// The file could not be made, for a reason that is ours.
pub(crate) fn failed(reason: &str) -> Refusal {
    tracing::error!(reason, "a file could not be made");
    Problem::new(ProblemKind::Internal, "export.failed", "the file could not be made; the log says more").into()
}
