//! Reading an upload: a table in which somebody gives accounts new passwords, and new usernames where they change.
//!
//! [`read`] takes the bytes of a file, whatever program wrote it, and finds out by itself what it has: text in UTF-8, UTF-16
//! or Windows-1252, with commas, semicolons or tabs, or a workbook. What it takes for a file's columns are the titles that
//! the export for upload writes ([`TITLES`](keybell_shared::upload::TITLES)), in any order. What is wrong with the file as a
//! whole is an [`UploadError`]; what is wrong with a row is told with the row, and none is lost.
//!
//! Passwords never touch a disk: a workbook is unpacked in memory. What is copied on the way to a row is overwritten
//! when it is given back. What the library that unpacks workbooks keeps of its texts is freed without that.

mod bounds;
mod cells;
mod error;
mod harm;
mod header;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod workbook;

use keybell_shared::seal::hex;
use keybell_shared::upload::UploadFile;
use sha2::{Digest as _, Sha256};

pub use bounds::MAX_BYTES;
pub use error::{ColumnFault, UploadError};

use crate::recognise::{self, Format};

/// Reads a file. Works for as long as a second or two on a large one, so it belongs on a thread of its own.
///
/// The same bytes always give the same: nothing else is looked at, and nothing is written anywhere.
pub fn read(bytes: &[u8]) -> Result<UploadFile, UploadError> {
    if bytes.len() > MAX_BYTES {
        return Err(UploadError::TooLarge { bytes: bytes.len() });
    }
    let is_zip = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06");
    let read = match recognise::binary(bytes) {
        Some(Format::OldWorkbook) => return Err(UploadError::Format("an Excel workbook of an old or encrypted kind")),
        Some(_) => return Err(UploadError::Format("a document that is no table")),
        None if is_zip => workbook::read(bytes)?,
        None => text::read(bytes)?,
    };
    Ok(UploadFile { digest: hex(&Sha256::digest(bytes)), kind: read.kind, rows: read.rows, warnings: read.warnings })
}

/// What a file is, without its digest.
struct Content {
    kind: String,
    rows: Vec<keybell_shared::upload::UploadRow>,
    warnings: Vec<String>,
}
