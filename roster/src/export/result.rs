//! What became of an upload, or would in a trial run: one row per row of the file, in its order, never a password.

use keybell_shared::upload::{Judged, TITLES, UploadRow};

use super::upload::COLUMNS as EXPORTED;
use super::{Cell, Column, CsvSheet, ExportError, Notes, Sheet, XlsxSheet};

/// The worksheet with the table.
pub const SHEET: &str = "Result";
/// The worksheet that explains it.
pub const NOTES: &str = "Legend";

/// The columns; the order is fixed. All titles of the export are among them, but that of the password.
pub const COLUMNS: [Column; TITLES.len() + 3] = {
    let [account, username, given, family, role, grade, school, renamed, _] = EXPORTED;
    let line = Column { title: "Line", width: 7 };
    let status = Column { title: "Status", width: 7 };
    let meaning = Column { title: "Meaning", width: 60 };
    let detail = Column { title: "Detail", width: 80 };
    [line, account, username, given, family, role, grade, school, renamed, status, meaning, detail]
};

/// The columns of which every cell is text: account, username, new username; and the first behind the table, where
/// somebody may add the column of the passwords.
const TEXTS: [u16; 4] = [1, 2, 8, 12];

/// Adds rows to a table with the columns of [`COLUMNS`], each with what became of it. Both are in the order of the file;
/// a row without its outcome is an error.
pub fn push(sheet: &mut impl Sheet, rows: &[UploadRow], judged: &[Judged]) -> Result<(), ExportError> {
    for (nth, row) in rows.iter().enumerate() {
        let outcome = judged.get(nth).filter(|outcome| outcome.line == row.line);
        let outcome = outcome.ok_or(ExportError::Unpaired { line: row.line })?;
        sheet.push(&cells(row, outcome))?;
    }
    judged.get(rows.len()).map_or(Ok(()), |outcome| Err(ExportError::Unpaired { line: outcome.line }))
}

/// One page of the result as CSV; the first page has the header. Pages one after the other are the whole file.
pub fn csv_page(first: bool, rows: &[UploadRow], judged: &[Judged]) -> Result<Vec<u8>, ExportError> {
    let mut sheet =
        if first { CsvSheet::new(Vec::new(), &COLUMNS)? } else { CsvSheet::continued(Vec::new(), &COLUMNS) };
    push(&mut sheet, rows, judged)?;
    sheet.finish()
}

/// Starts the result as XLSX; `expected` is how many rows will come at most.
pub fn xlsx(expected: u64) -> Result<XlsxSheet, ExportError> {
    let legend = Notes { name: NOTES, lines: &[] };
    XlsxSheet::new(SHEET, &COLUMNS, expected)?.to_fill_in(TEXTS)?.with_notes(&legend)
}

fn cells<'a>(row: &'a UploadRow, judged: &'a Judged) -> [Cell<'a>; COLUMNS.len()] {
    let about = &row.about;
    [
        Cell::Number(row.line),
        Cell::Text(&row.account),
        Cell::Text(&judged.username),
        Cell::Text(&about.given_name),
        Cell::Text(&about.family_name),
        Cell::Text(&about.role),
        Cell::Text(&about.grade),
        Cell::Text(&about.school),
        Cell::Text(&row.new_username),
        Cell::Text(judged.code.as_str()),
        Cell::Text(judged.code.meaning()),
        Cell::Text(&judged.detail),
    ]
}
