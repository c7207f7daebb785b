//! Tables as CSV (RFC 4180).

use std::io::Write;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::neutral::neutral;
use super::{Cell, Column, ExportError, Sheet};

/// The mark that tells Excel, which opens these files by a double click, to read UTF-8. Without it, Excel takes the
/// computer's old code page, and every `Müller` is garbled. Other spreadsheets and `utf-8-sig` readers skip it.
const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// A CSV table that is being written: UTF-8 with a byte-order mark, commas, CRLF, quotes where they are needed.
pub struct CsvSheet<W: Write> {
    out: Writer<W>,
    columns: usize,
}

impl<W: Write> CsvSheet<W> {
    /// Starts a table with the mark and the header.
    pub fn new(mut out: W, columns: &[Column]) -> Result<Self, ExportError> {
        out.write_all(MARK)?;
        let mut sheet = Self::continued(out, columns);
        sheet.out.write_record(columns.iter().map(|column| column.title)).map_err(failed)?;
        Ok(sheet)
    }

    /// Goes on with a table whose header was written before, so that a table can be sent page by page.
    pub fn continued(out: W, columns: &[Column]) -> Self {
        let mut builder = WriterBuilder::new();
        builder.terminator(Terminator::CRLF).quote_style(QuoteStyle::Necessary);
        Self { out: builder.from_writer(out), columns: columns.len() }
    }

    /// Ends it, and gives back what it was written to.
    pub fn finish(self) -> Result<W, ExportError> {
        self.out.into_inner().map_err(|error| ExportError::Io(error.into_error()))
    }
}

impl<W: Write> Sheet for CsvSheet<W> {
    fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        if cells.len() != self.columns {
            return Err(ExportError::Ragged { cells: cells.len(), columns: self.columns });
        }
        for cell in cells {
            match *cell {
                Cell::Text(text) => self.out.write_field(neutral(text).as_bytes()),
                Cell::Number(number) => self.out.write_field(number.to_string()),
                Cell::Time(at) => self.out.write_field(neutral(&at.rfc3339()).as_bytes()),
                Cell::Nothing => self.out.write_field(""),
            }
            .map_err(failed)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(failed)
    }
}

fn failed(error: csv::Error) -> ExportError {
    ExportError::Io(error.into())
}
