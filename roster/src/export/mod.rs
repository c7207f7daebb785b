//! Writing tables for people, as CSV and as XLSX: a fixed header, then row after row, without keeping them in memory.
//!
//! Cells are data and never formulas: a name such as `=HYPERLINK(…)` reaches a spreadsheet as text. In CSV, where every
//! cell is interpreted, an apostrophe goes in front of it ([`neutral`]); in XLSX, cells are stored as text.
//! [`outcome`] has the columns of a task's report, [`upload`] those of the export for upload, [`result`] those of what
//! became of an upload. The latter two are read again by [`upload::read`](crate::upload::read), so their texts have the
//! apostrophe in both formats, and the reader takes it away.

mod csv_sheet;
pub mod neutral;
mod notes;
pub mod outcome;
pub mod result;
#[cfg(test)]
mod tests;
pub mod upload;
mod xlsx_sheet;

use keybell_shared::clock::Millis;

pub use csv_sheet::CsvSheet;
pub use notes::Notes;
pub use xlsx_sheet::{MAX_ROWS, XlsxSheet};

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What the header says.
    pub title: &'static str,
    /// How wide it is in XLSX, in characters.
    pub width: u16,
}

/// One cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Text, taken as it is: ids keep their leading zeros.
    Text(&'a str),
    /// A count.
    Number(u64),
    /// A time, written in RFC 3339, UTC: the same text in every format and on every computer.
    Time(Millis),
    /// An empty cell.
    Nothing,
}

impl<'a> Cell<'a> {
    /// The text, or an empty cell.
    #[must_use]
    pub fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// A table that is being written.
pub trait Sheet {
    /// Adds a row; it has as many cells as the header.
    fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError>;
}

/// Why a table could not be written. No variant shows what stands in a cell.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Where it was written to failed.
    #[error("the table could not be written: {0}")]
    Io(#[from] std::io::Error),
    /// More rows than a sheet can hold.
    #[error(
        "{rows} rows do not fit into an XLSX sheet, which holds {MAX_ROWS} below its header; export as CSV instead"
    )]
    TooManyRows {
        /// How many there are.
        rows: u64,
    },
    /// A text is longer than a spreadsheet's cell.
    #[error(
        "row {row}, column `{column}`: the text is longer than the 32767 characters of an XLSX cell; export as CSV instead"
    )]
    TooLong {
        /// The row; the first below the header is 1.
        row: u64,
        /// The column's title.
        column: &'static str,
    },
    /// A row does not fit the header.
    #[error("a row has {cells} cells under {columns} columns; this is a defect of Keybell")]
    Ragged {
        /// How many cells it has.
        cells: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// Rows and what became of them do not belong together.
    #[error("the row of line {line} has no outcome; this is a defect of Keybell")]
    Unpaired {
        /// The line of the file.
        line: u64,
    },
    /// The writer of XLSX files failed, as a rule because the folder for temporary files is full.
    #[error("the XLSX file could not be made: {0}; is there room in the folder for temporary files (TMPDIR)?")]
    Xlsx(String),
}
