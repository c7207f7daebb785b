//! Tables as XLSX (Office Open XML), in constant memory: rows go to a temporary file without a name as they come.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::neutral::neutral;
use super::{Cell, Column, ExportError, Notes, Sheet};

/// How many rows fit below the header.
pub const MAX_ROWS: u64 = 1_048_575;

/// The number of the format text (`@`), which every program knows.
pub(super) const TEXT: u8 = 49;

/// An XLSX table that is being written, on the first worksheet.
pub struct XlsxSheet {
    book: Workbook,
    columns: &'static [Column],
    text: Format,
    rows: u64,
    neutral: bool,
}

impl XlsxSheet {
    /// Starts a table with a bold header that stays in view. `expected` is how many rows will come at most; more than
    /// [`MAX_ROWS`] are refused here, before anything is written.
    ///
    /// `name` is the sheet's: at most 31 characters, none of them `[ ] : * ? / \`.
    pub fn new(name: &str, columns: &'static [Column], expected: u64) -> Result<Self, ExportError> {
        if expected > MAX_ROWS {
            return Err(ExportError::TooManyRows { rows: expected });
        }
        // Cells of the kind text stay text even when somebody edits them in the spreadsheet.
        let mut sheet = Self {
            book: Workbook::new(),
            columns,
            text: Format::new().set_num_format_index(TEXT),
            rows: 0,
            neutral: false,
        };
        guarded(|| {
            let page = sheet.book.add_worksheet_with_constant_memory()?;
            page.set_name(name)?.set_freeze_panes(1, 0)?;
            let bold = Format::new().set_bold();
            for (at, column) in (0..).zip(columns) {
                page.set_column_width(at, f64::from(column.width))?;
                page.write_string_with_format(0, at, column.title, &bold)?;
            }
            Ok(())
        })?;
        Ok(sheet)
    }

    /// Lets people fill the table in, so that it can be read again. Columns become text where they are empty, so that what
    /// is written there keeps its leading zeros; and texts get the apostrophe that they have in CSV, so that they can be
    /// told from what somebody wrote whatever program saved them, and in whichever format.
    pub fn to_fill_in(mut self, columns: impl IntoIterator<Item = u16>) -> Result<Self, ExportError> {
        self.neutral = true;
        guarded(|| {
            let page = self.book.worksheet_from_index(0)?;
            columns.into_iter().try_for_each(|column| page.set_column_format(column, &self.text).map(|_| ()))
        })?;
        Ok(self)
    }

    /// Adds a worksheet with notes behind the table.
    pub fn with_notes(mut self, notes: &Notes) -> Result<Self, ExportError> {
        guarded(|| notes.write(self.book.add_worksheet()))?;
        Ok(self)
    }

    /// Ends the table and writes the file. What it is written to needs no seeking.
    pub fn finish<W: Write + Send>(mut self, out: W) -> Result<(), ExportError> {
        guarded(|| self.book.save_to_writer(out))
    }

    fn write(&mut self, row: u32, cells: &[Cell<'_>]) -> Result<(), XlsxError> {
        let page = self.book.worksheet_from_index(0)?;
        for (at, cell) in (0..).zip(cells) {
            match *cell {
                Cell::Text(text) if self.neutral => put(page, row, at, &neutral(text), &self.text)?,
                Cell::Text(text) => put(page, row, at, text, &self.text)?,
                Cell::Time(time) => put(page, row, at, &time.rfc3339(), &self.text)?,
                #[expect(clippy::cast_precision_loss, reason = "a spreadsheet's numbers are floating point")]
                Cell::Number(number) => page.write_number(row, at, number as f64).map(|_| ())?,
                Cell::Nothing => {}
            }
        }
        Ok(())
    }
}

impl Sheet for XlsxSheet {
    fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        if cells.len() != self.columns.len() {
            return Err(ExportError::Ragged { cells: cells.len(), columns: self.columns.len() });
        }
        let row = self.rows + 1;
        let line = u32::try_from(row).ok().filter(|_| row <= MAX_ROWS);
        let line = line.ok_or(ExportError::TooManyRows { rows: row })?;
        for (cell, column) in cells.iter().zip(self.columns) {
            if matches!(cell, Cell::Text(text) if text.encode_utf16().count() > 32_767) {
                return Err(ExportError::TooLong { row, column: column.title });
            }
        }
        guarded(|| self.write(line, cells))?;
        self.rows = row;
        Ok(())
    }
}

fn put(page: &mut Worksheet, row: u32, at: u16, text: &str, format: &Format) -> Result<(), XlsxError> {
    page.write_string_with_format(row, at, text, format).map(|_| ())
}

/// The library panics when its temporary file cannot be written, as on a full disk. That is an error like others.
fn guarded(work: impl FnOnce() -> Result<(), XlsxError>) -> Result<(), ExportError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(XlsxError::IoError(error))) => Err(ExportError::Io(error)),
        Ok(Err(error)) => Err(ExportError::Xlsx(error.to_string())),
        Err(_) => Err(ExportError::Xlsx("its writer stopped".to_owned())),
    }
}
