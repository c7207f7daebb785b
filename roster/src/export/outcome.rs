//! The outcome report of a task: one row per account, never a password, never an address. The list of those who could
//! not be told has the same columns.

use keybell_shared::codes::Code;
use keybell_shared::ports::ledger::ReportRow;

use super::{Cell, Column, CsvSheet, ExportError, Sheet, XlsxSheet};

/// The report's columns; the order is fixed.
pub const COLUMNS: [Column; 13] = [
    Column { title: "Username", width: 24 },
    Column { title: "Given name", width: 18 },
    Column { title: "Family name", width: 18 },
    Column { title: "Role", width: 12 },
    Column { title: "Grade", width: 8 },
    Column { title: "School", width: 28 },
    Column { title: "Roster id", width: 18 },
    Column { title: "State", width: 12 },
    Column { title: "Code", width: 6 },
    Column { title: "Meaning", width: 60 },
    Column { title: "Messages accepted", width: 18 },
    Column { title: "Attempts", width: 9 },
    Column { title: "Changed at", width: 21 },
];

/// Adds rows to a table with the columns of [`COLUMNS`].
pub fn push<'a>(sheet: &mut impl Sheet, rows: impl IntoIterator<Item = &'a ReportRow>) -> Result<(), ExportError> {
    rows.into_iter().try_for_each(|row| sheet.push(&cells(row)))
}

/// One page of the report as CSV; the first page has the header. Pages one after the other are the whole file.
pub fn csv_page(first: bool, rows: &[ReportRow]) -> Result<Vec<u8>, ExportError> {
    let mut sheet =
        if first { CsvSheet::new(Vec::new(), &COLUMNS)? } else { CsvSheet::continued(Vec::new(), &COLUMNS) };
    push(&mut sheet, rows)?;
    sheet.finish()
}

/// Starts the report as XLSX; `expected` is how many rows will come at most.
pub fn xlsx(expected: u64) -> Result<XlsxSheet, ExportError> {
    XlsxSheet::new("Outcome", &COLUMNS, expected)
}

fn cells(row: &ReportRow) -> [Cell<'_>; COLUMNS.len()] {
    [
        Cell::Text(&row.username),
        Cell::Text(&row.given_name),
        Cell::Text(&row.family_name),
        Cell::Text(&row.role),
        Cell::maybe(row.grade.as_deref()),
        Cell::maybe(row.school.as_deref()),
        Cell::Text(&row.source_id),
        Cell::Text(row.state.as_str()),
        Cell::maybe(row.code.map(Code::as_str)),
        Cell::maybe(row.code.map(Code::meaning)),
        Cell::Number(row.told.into()),
        Cell::Number(row.attempts.into()),
        Cell::Time(row.changed_at),
    ]
}
