//! The rows of a worksheet, as records. Cells come one by one from the packed file; only the table of shared texts is in
//! memory, and the workbook's source bounds it.

use std::fs::File;
use std::io::{self, BufReader};

use calamine::{DataRef, Xlsx, XlsxCellFormulaMetadataRecord, XlsxCellReader, XlsxError};

use super::record::{Kind, Record};
use super::records::{Delimiter, Found, Lines, MAX_FIELD, MAX_FIELDS, TOO_LONG, TOO_WIDE};

/// An opened workbook.
pub(crate) type Workbook = Xlsx<BufReader<File>>;

/// Starts to read a worksheet. `padded` is how many digits the workbook shows of its numbers at least, where it fills them
/// up with zeros; 0 if nowhere.
pub(crate) fn worksheet_rows<'a>(book: &'a mut Workbook, name: &str, padded: usize) -> io::Result<Box<dyn Lines + 'a>> {
    let cells = book.worksheet_cells_reader(name).map_err(|error| broken(&error))?;
    Ok(Box::new(SheetRows { cells, next: None, last: None, ended: false, padded, text: String::new() }))
}

struct SheetRows<'a> {
    cells: XlsxCellReader<'a, BufReader<File>>,
    /// A cell of the next row.
    next: Option<XlsxCellFormulaMetadataRecord<'a>>,
    /// The number of the row before, from 0.
    last: Option<u32>,
    ended: bool,
    padded: usize,
    text: String,
}

impl<'a> SheetRows<'a> {
    /// The next cell that holds something.
    fn cell(&mut self) -> io::Result<Option<XlsxCellFormulaMetadataRecord<'a>>> {
        if let Some(cell) = self.next.take() {
            return Ok(Some(cell));
        }
        // Behind the last cell the library reads on, into what is no sheet any more.
        while !self.ended {
            let Some(cell) = self.cells.next_cell_with_formula_metadata().map_err(|error| broken(&error))? else {
                self.ended = true;
                break;
            };
            if cell.value != DataRef::Empty || cell.formula.is_some() {
                return Ok(Some(cell));
            }
        }
        Ok(None)
    }

    /// Writes a cell's value into `text` and answers what it was.
    fn say(&mut self, cell: &XlsxCellFormulaMetadataRecord<'a>) -> Kind {
        self.text.clear();
        let kind = match &cell.value {
            DataRef::String(text) => self.put(text, Kind::Text),
            DataRef::SharedString(text) => self.put(text, Kind::Text),
            DataRef::Bool(truth) => self.put(if *truth { "true" } else { "false" }, Kind::Text),
            DataRef::Int(number) => self.put(&number.to_string(), Kind::Number),
            DataRef::Float(number) => self.put(&number.to_string(), Kind::Number),
            DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => Kind::Date,
            DataRef::Error(_) => Kind::Error,
            DataRef::Empty => Kind::Text,
        };
        match kind {
            Kind::Error => kind,
            _ if cell.formula.is_some() => Kind::Formula,
            Kind::Number if self.text.len() < self.padded => Kind::Padded,
            Kind::Text | Kind::Number | Kind::Padded | Kind::Date | Kind::Formula => kind,
        }
    }

    fn put(&mut self, text: &str, kind: Kind) -> Kind {
        self.text.push_str(text);
        kind
    }
}

impl Lines for SheetRows<'_> {
    fn delimiter(&self) -> Option<Delimiter> {
        None
    }

    fn read(&mut self, keep: &[bool], record: &mut Record) -> io::Result<Found> {
        record.begin(0);
        let mut row = None;
        let mut wrong = None;
        while let Some(cell) = self.cell()? {
            let (at, column) = cell.pos;
            if row.is_none() {
                if self.last.is_some_and(|last| last >= at) {
                    return Err(io::Error::other("the rows of the worksheet are not in order"));
                }
                record.begin(u64::from(at) + 1);
            }
            if *row.get_or_insert(at) != at {
                self.next = Some(cell);
                break;
            }
            let column = usize::try_from(column).unwrap_or(usize::MAX);
            if column >= MAX_FIELDS {
                wrong = Some(TOO_WIDE);
                continue;
            }
            if column < record.len() {
                return Err(io::Error::other("the cells of the worksheet are not in order"));
            }
            while record.len() < column {
                record.whole("", Kind::Text, false);
            }
            let kind = self.say(&cell);
            if self.text.len() > MAX_FIELD {
                wrong = Some(TOO_LONG);
            }
            record.whole(&self.text, kind, keep.is_empty() || keep.get(column).copied().unwrap_or(false));
        }
        let Some(row) = row else { return Ok(Found::End) };
        self.last = Some(row);
        Ok(wrong.map_or(Found::Record, Found::Malformed))
    }
}

fn broken(error: &XlsxError) -> io::Error {
    // The library's words may hold parts of the file, so only the kind of failure is told.
    tracing::debug!(kind = ?std::mem::discriminant(error), "the worksheet is broken");
    io::Error::other("the worksheet is damaged; open it in a spreadsheet program and save it again")
}
