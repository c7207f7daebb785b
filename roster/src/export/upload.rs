//! The export for upload: one row per account, with empty cells for a new username and a new password. Somebody fills them
//! in, and [`crate::upload::read`] reads it again.

use keybell_shared::ports::ledger::AccountView;
use keybell_shared::upload::TITLES;

use super::{Cell, Column, CsvSheet, ExportError, Notes, Sheet, XlsxSheet};

/// The worksheet with the table.
pub const SHEET: &str = "Accounts";
/// The worksheet that explains it.
pub const NOTES: &str = "Read me";

/// The columns; the order is fixed.
pub const COLUMNS: [Column; TITLES.len()] = {
    let [account, username, given, family, role, grade, school, renamed, password] = TITLES;
    [
        Column { title: account, width: 38 },
        Column { title: username, width: 24 },
        Column { title: given, width: 18 },
        Column { title: family, width: 18 },
        Column { title: role, width: 14 },
        Column { title: grade, width: 8 },
        Column { title: school, width: 28 },
        Column { title: renamed, width: 24 },
        Column { title: password, width: 24 },
    ]
};

/// The columns of which every cell is text, whoever writes it: account, username, new username, new password.
const TEXTS: [u16; 4] = [0, 1, 7, 8];

const READ_ME: Notes = Notes {
    name: NOTES,
    lines: &[
        "This file gives accounts new passwords, and new usernames where they change.",
        "1. Write the new password into the column New password, exactly as it is to be typed: spaces count, also at its \
         start and end.",
        "2. Write a new username into the column New username only where it changes; empty cells leave it as it is.",
        "3. Remove the rows of accounts that are to stay as they are.",
        "4. Leave the titles in the first row and what stands in the columns Account and Username as they are; they say \
         whom a row means.",
        "5. Make a trial run: it changes nothing and says for each row what would happen, with the codes below.",
        "6. Upload the file, and delete it wherever it was saved: it holds passwords.",
        "The columns Account, Username, New username and New password are formatted as text, so that 0012 stays 0012. Keep \
         them so.",
        "An apostrophe in front of a text that begins with = + - or @ keeps spreadsheet programs from taking it for a \
         formula. It is not part of the text, and the upload takes it away. A password has none.",
    ],
};

/// Adds accounts to a table with the columns of [`COLUMNS`].
pub fn push<'a>(sheet: &mut impl Sheet, rows: impl IntoIterator<Item = &'a AccountView>) -> Result<(), ExportError> {
    let mut id = String::new();
    rows.into_iter().try_for_each(|row| {
        id.clear();
        id.push_str(&row.id.to_string());
        sheet.push(&cells(&id, row))
    })
}

/// One page of the export as CSV; the first page has the header. Pages one after the other are the whole file.
pub fn csv_page(first: bool, rows: &[AccountView]) -> Result<Vec<u8>, ExportError> {
    let mut sheet =
        if first { CsvSheet::new(Vec::new(), &COLUMNS)? } else { CsvSheet::continued(Vec::new(), &COLUMNS) };
    push(&mut sheet, rows)?;
    sheet.finish()
}

/// Starts the export as XLSX; `expected` is how many rows will come at most.
pub fn xlsx(expected: u64) -> Result<XlsxSheet, ExportError> {
    XlsxSheet::new(SHEET, &COLUMNS, expected)?.to_fill_in(TEXTS)?.with_notes(&READ_ME)
}

fn cells<'a>(id: &'a str, row: &'a AccountView) -> [Cell<'a>; COLUMNS.len()] {
    [
        Cell::Text(id),
        Cell::Text(&row.username),
        Cell::Text(&row.given_name),
        Cell::Text(&row.family_name),
        Cell::Text(&row.role),
        Cell::maybe(row.grade.as_deref()),
        Cell::maybe(row.school.as_deref()),
        Cell::Nothing,
        Cell::Nothing,
    ]
}
