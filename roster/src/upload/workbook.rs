//! An upload as a workbook, unpacked in memory.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bounds::WORKBOOK;
use super::rows::rows;
use super::{Content, UploadError};
use crate::export::{result, upload};
use crate::source::{Unusable, choose, open_in, safe};
use crate::text::{Workbook, worksheet_rows};

/// What makes a zip a workbook, and one that only Excel reads.
const PART: &[u8] = b"xl/workbook";
const BINARY: &[u8] = b"xl/workbook.bin";

/// Reads a workbook.
pub(super) fn read(bytes: &[u8]) -> Result<Content, UploadError> {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    if has(BINARY) {
        return Err(UploadError::Format("a binary workbook (XLSB)"));
    }
    if !has(PART) {
        return Err(UploadError::Format("a zip, or a workbook of another program, and not XLSX"));
    }
    // The library is not proof against every crafted file.
    catch_unwind(AssertUnwindSafe(|| unpacked(bytes)))
        .unwrap_or_else(|_| Err(UploadError::Damaged("its parts do not fit together; save it again".to_owned())))
}

fn unpacked(bytes: &[u8]) -> Result<Content, UploadError> {
    let (mut book, padded) = open_in(Cursor::new(bytes), WORKBOOK).map_err(|error| match error {
        Unusable::Unreadable(reason) => UploadError::Damaged(reason),
        Unusable::Unsafe(reason) => UploadError::Unsafe(reason),
    })?;
    let (sheet, others) = worksheet(&book)?;
    let damaged = |error: std::io::Error| UploadError::Damaged(error.to_string());
    let mut read = rows(worksheet_rows(&mut book, &sheet, padded).map_err(damaged)?, false)?;
    for other in others.iter().filter(|name| ![upload::NOTES, result::NOTES].contains(&name.as_str())) {
        read.warnings.push(format!("the worksheet `{other}` is not read"));
    }
    Ok(Content { kind: format!("XLSX, worksheet {}", safe(&sheet)), rows: read.rows, warnings: read.warnings })
}

/// The worksheet that the export or the result filled; where there is neither, the first that can be seen. And the others.
fn worksheet(book: &Workbook<Cursor<&[u8]>>) -> Result<(String, Vec<String>), UploadError> {
    let ours = [upload::SHEET, result::SHEET].into_iter().find_map(|name| choose(book, Some(name)).ok());
    let chosen = ours.map_or_else(|| choose(book, None), Ok);
    chosen.map_err(|reason| UploadError::Damaged(reason.to_owned()))
}
