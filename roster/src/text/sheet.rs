//! The rows of a worksheet, as records. Cells come one by one from the packed file; only the table of shared texts is in
//! memory, and the workbook's source bounds it.

use std::io::{self, BufReader, Read, Seek};

use calamine::{DataRef, Xlsx, XlsxCellFormulaMetadataRecord, XlsxCellReader, XlsxError};
use zeroize::{Zeroize as _, Zeroizing};

use super::record::{Kind, Record};
use super::records::{Delimiter, Found, Lines, MAX_FIELD, MAX_FIELDS, TOO_LONG, TOO_WIDE};

/// An opened workbook.
pub(crate) type Workbook<R> = Xlsx<BufReader<R>>;

/// Starts to read a worksheet. `padded` is how many digits the workbook shows of its numbers at least, where it fills them
/// up with zeros; 0 if nowhere.
pub(crate) fn worksheet_rows<'a, R: Read + Seek>(
    book: &'a mut Workbook<R>,
    name: &str,
    padded: usize,
) -> io::Result<Box<dyn Lines + 'a>> {
    let cells = book.worksheet_cells_reader(name).map_err(|error| broken(&error))?;
    // Longer texts are never copied into it, so it never moves and leaves no copy behind.
    let text = Zeroizing::new(String::with_capacity(MAX_FIELD));
    Ok(Box::new(SheetRows { cells, next: None, last: None, ended: false, padded, text, long: false }))
}

struct SheetRows<'a, R: Read + Seek> {
    cells: XlsxCellReader<'a, BufReader<R>>,
    /// A cell of the next row.
    next: Option<XlsxCellFormulaMetadataRecord<'a>>,
    /// The number of the row before, from 0.
    last: Option<u32>,
    ended: bool,
    padded: usize,
    /// The text of a cell, and whether it was too long to be put there.
    text: Zeroizing<String>,
    long: bool,
}

impl<'a, R: Read + Seek> SheetRows<'a, R> {
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
    fn say(&mut self, cell: &mut XlsxCellFormulaMetadataRecord<'a>) -> Kind {
        self.text.clear();
        self.long = false;
        let kind = match &mut cell.value {
            DataRef::String(text) => {
                let kind = self.put(text, Kind::Text);
                text.zeroize();
                kind
            }
            DataRef::SharedString(text) => self.put(text, Kind::Text),
            DataRef::Bool(truth) => self.put(if *truth { "true" } else { "false" }, Kind::Truth),
            DataRef::Int(number) => self.put(&Zeroizing::new(number.to_string()), Kind::Number),
            DataRef::Float(number) => self.put(&Zeroizing::new(number.to_string()), Kind::Number),
            DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => Kind::Date,
            DataRef::Error(_) => Kind::Error,
            DataRef::Empty => Kind::Text,
        };
        match kind {
            Kind::Error => kind,
            _ if cell.formula.is_some() => Kind::Formula,
            Kind::Number if self.text.len() < self.padded => Kind::Padded,
            Kind::Text | Kind::Number | Kind::Padded | Kind::Truth | Kind::Date | Kind::Formula => kind,
        }
    }

    fn put(&mut self, text: &str, kind: Kind) -> Kind {
        self.long = text.len() > MAX_FIELD;
        if !self.long {
            self.text.push_str(text);
        }
        kind
    }
}

impl<R: Read + Seek> Lines for SheetRows<'_, R> {
    fn delimiter(&self) -> Option<Delimiter> {
        None
    }

    fn read(&mut self, keep: &[bool], record: &mut Record) -> io::Result<Found> {
        record.begin(0);
        let mut row = None;
        let mut wrong = None;
        while let Some(mut cell) = self.cell()? {
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
            let kind = self.say(&mut cell);
            if self.long {
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
