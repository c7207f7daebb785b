//! Why a file as a whole cannot be used. No error shows what stands in a cell below the header.

use std::fmt;

use keybell_shared::codes::Code;
use keybell_shared::upload::{MAX_ROWS, TITLES};

use super::MAX_BYTES;

/// A column that is not as an export writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFault {
    /// `E01`: it is missing. `E02`: it has another title, or is there twice.
    pub code: Code,
    /// The title that the export gives it.
    pub title: &'static str,
    /// The column that stands in its place, or where it is there twice, the second of the two: its title, as the file spells it
    /// and in backticks, or its number where the title is no plain words.
    pub found: Option<String>,
}

impl fmt::Display for ColumnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.title;
        match &self.found {
            None => write!(f, "{} `{title}` is missing", self.code),
            Some(found) if super::header::is(title, found.trim_matches('`')) => {
                write!(f, "{} `{title}` is there twice; remove one", self.code)
            }
            Some(found) => {
                write!(f, "{} `{title}` is missing, and the column {found} stands for it; call it `{title}`", self.code)
            }
        }
    }
}

/// The file as a whole cannot be used. Single rows never lead to this.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It has too many bytes.
    #[error("the file has {bytes} bytes; at most {MAX_BYTES} are taken. Split it by school or grade")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Nothing is in it.
    #[error("the file is empty; export for upload again, and fill in `New password`")]
    Empty,
    /// The first row that holds something is no header.
    #[error(
        "the first row does not hold the titles of an export ({}); put them back as the first row, or export for upload \
         again and edit that file", TITLES.join(", ")
    )]
    NoHeader,
    /// The header cannot be read.
    #[error("the first row cannot be read: {0}")]
    Header(&'static str),
    /// Columns are missing or renamed.
    #[error("the columns are not those of an export: {}", said(.0))]
    Columns(Vec<ColumnFault>),
    /// Below the header there is nothing.
    #[error("the file has a header and no rows; every account that is to get a password needs one")]
    NoRows,
    /// There are more rows than an upload may have.
    #[error("the file has more than {MAX_ROWS} rows; split it by school or grade, and upload one after the other")]
    TooManyRows,
    /// It is something else.
    #[error("this is {0}; save it as XLSX without a password, or as CSV UTF-8, and upload that")]
    Format(&'static str),
    /// The workbook could do harm when it is unpacked.
    #[error("the workbook is refused: {0}; copy the table into a new workbook, and upload that")]
    Unsafe(String),
    /// The workbook is broken.
    #[error("the workbook cannot be read: {0}")]
    Damaged(String),
}

impl UploadError {
    /// The columns that are not as an export writes them; none for any other error.
    #[must_use]
    pub fn columns(&self) -> &[ColumnFault] {
        if let Self::Columns(faults) = self { faults } else { &[] }
    }
}

fn said(faults: &[ColumnFault]) -> String {
    let mut all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let has_no_password = |fault: &ColumnFault| fault.found.is_none() && Some(&fault.title) == TITLES.last();
    if faults.iter().any(has_no_password) {
        all.push(
            "no export and no result holds passwords: add the column `New password`, and write them there".to_owned(),
        );
    }
    all.join("; ")
}
