//! From records to rows, none of which is lost.

use std::io;

use keybell_shared::upload::{MAX_ROWS, TITLES, UploadRow};
use secrecy::SecretString;

use super::cells::{Cells, malformed, unreadable};
use super::error::UploadError;
use super::header::{Columns, columns};
use crate::text::{Delimiter, Found, Lines, Record, clean, decode};

/// How many separators in a line within a quoted cell say that it is a row of its own: half of a row's.
const SWALLOWED: usize = (TITLES.len() - 1) / 2;

/// The rows of a file, and what is odd about it.
pub(super) struct Rows {
    pub(super) rows: Vec<UploadRow>,
    pub(super) warnings: Vec<String>,
}

/// Reads all rows. `legacy` says whether text may be Windows-1252.
pub(super) fn rows(mut lines: Box<dyn Lines + '_>, legacy: bool) -> Result<Rows, UploadError> {
    let broken = |error: io::Error| UploadError::Damaged(error.to_string());
    let mut record = Record::default();
    loop {
        match lines.read(&[], &mut record).map_err(broken)? {
            Found::End => return Err(UploadError::Empty),
            Found::Malformed(reason) => return Err(UploadError::Header(reason)),
            Found::Record if record.is_blank_from(0) => {}
            Found::Record => break,
        }
    }
    let (columns, warnings) = header(&record)?;
    let mut cells = Cells::new(columns, legacy, lines.delimiter().is_none());
    let mut rows = Vec::new();
    loop {
        match lines.read(&[], &mut record).map_err(broken)? {
            Found::End => break,
            Found::Malformed(reason) => rows.push(unreadable(record.line, format!("the row cannot be read: {reason}"))),
            Found::Record if record.is_blank_from(0) => {}
            Found::Record => {
                let mut row = cells.row(&record);
                let within = swallowed(&record, lines.delimiter());
                if !within.is_empty() {
                    row.password = SecretString::default();
                    row.flaw = Some(malformed(format!(
                        "a quotation mark is opened on this line and closed {} lines below; remove it, or write it twice \
                         and put the whole cell in quotation marks",
                        within.len()
                    )));
                }
                let begun = row.line;
                rows.push(row);
                rows.extend(within.into_iter().map(|line| {
                    unreadable(line, format!("the line is within a quoted cell that begins on line {begun}"))
                }));
            }
        }
        if rows.len() > MAX_ROWS {
            return Err(UploadError::TooManyRows);
        }
    }
    if rows.is_empty() { Err(UploadError::NoRows) } else { Ok(Rows { rows, warnings }) }
}

/// The columns, and what is odd about them.
fn header(record: &Record) -> Result<(Columns, Vec<String>), UploadError> {
    if record.nul {
        return Err(UploadError::Header("it holds NUL bytes, so this may be UTF-16 without a mark; save it as UTF-8"));
    }
    let mut titles = Vec::with_capacity(record.len());
    let (mut text, mut title) = (String::new(), String::new());
    for at in 0..record.len() {
        decode(record.field(at).unwrap_or_default(), &mut text).map_err(UploadError::Header)?;
        clean(&text, &mut title);
        titles.push(title.clone());
    }
    // Columns without a title at the end come from trailing separators.
    while titles.last().is_some_and(String::is_empty) {
        titles.pop();
    }
    columns(&titles)
}

/// The lines that a quoted cell took in and that are rows by themselves: a quotation mark was opened by mistake, and a
/// later one closed it.
fn swallowed(record: &Record, delimiter: Option<Delimiter>) -> Vec<u64> {
    let Some(delimiter) = delimiter.map(Delimiter::byte) else { return Vec::new() };
    let mut line = record.line;
    let mut lines = Vec::new();
    for field in (0..record.len()).filter_map(|at| record.field(at)) {
        for inner in field.split(|byte| *byte == b'\n').skip(1) {
            line += 1;
            if inner.split(|byte| *byte == delimiter).count() > SWALLOWED {
                lines.push(line);
            }
        }
    }
    lines
}
