//! From the thread that reads a file to the task that stores it: batches over a short channel.

use std::io;

use tokio::sync::mpsc::Sender;

use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Counts, Effect, Outcome, Problem};
use crate::source::Source;
use crate::text::{Layout, Next, Row, Table, decoded};

/// How many rows go to the ledger at once.
pub(super) const BATCH: usize = 500;

/// A row on its way into the ledger.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) line: u64,
    /// The row's number in its file, from 0.
    pub(super) number: usize,
    pub(super) value: T,
    pub(super) notes: Notes,
}

/// What must be known of a row when its fate is.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The column to name if the ledger does not know what the row refers to.
    pub(super) doubtful: Option<&'static str>,
    /// A person's lines in `roles.csv`: they share the person's fate.
    pub(super) role_lines: Vec<u64>,
    /// Whether a person is somebody's guardian by any of their roles.
    pub(super) kin: bool,
}

/// Some rows, and what was found wrong since the last batch.
#[derive(Debug)]
pub(super) struct Batch<T> {
    /// `read`, and the fates of rows that the ledger need not see.
    pub(super) counts: Counts,
    pub(super) entries: Vec<Entry<T>>,
    pub(super) problems: Vec<Problem>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self { counts: Counts::default(), entries: Vec::new(), problems: Vec::new() }
    }
}

/// Where the reading thread puts what it found.
pub(super) struct Outlet<T> {
    sender: Sender<Batch<T>>,
    batch: Batch<T>,
}

impl<T> Outlet<T> {
    pub(super) fn new(sender: Sender<Batch<T>>) -> Self {
        Self { sender, batch: Batch::new() }
    }

    /// A row for the ledger.
    pub(super) fn row(&mut self, row: &Row, value: T, notes: Notes) {
        self.batch.entries.push(Entry { line: row.line, number: row.number, value, notes });
    }

    /// Something wrong.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.batch.problems.push(problem);
    }

    /// A row that is inactive and not for the ledger.
    pub(super) fn inactive(&mut self) {
        self.batch.counts.inactive += 1;
    }

    /// A row that tells something and is not for the ledger.
    pub(super) fn unchanged(&mut self) {
        self.batch.counts.unchanged += 1;
    }

    /// Whether rows wait.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.entries.is_empty()
    }

    /// Hands over what there is; waits while the ledger is behind.
    pub(super) fn flush(&mut self) -> Result<(), RosterError> {
        let batch = std::mem::replace(&mut self.batch, Batch::new());
        self.sender.blocking_send(batch).map_err(|_| RosterError::Stopped)
    }

    fn flush_if_full(&mut self) -> Result<(), RosterError> {
        if self.batch.entries.len() >= BATCH
            || self.batch.problems.len() >= BATCH
            || self.batch.counts.read >= 4 * BATCH as u64
        {
            return self.flush();
        }
        Ok(())
    }
}

/// Reads a file row by row. `each` puts sound rows into the outlet; a problem that it answers leaves the row out.
pub(super) fn scan<T>(
    source: &Source,
    layout: &'static Layout,
    out: &mut Outlet<T>,
    each: impl FnMut(&Row, &mut Outlet<T>) -> Result<(), Problem>,
) -> Result<Outcome, RosterError> {
    let done = source.read(layout.file, |input| rows(input, layout, out, each));
    let done = match done {
        Ok(Ok(outcome)) => outcome?,
        // Of a file that cannot even be opened nothing was read; the zip's check sum, for one, comes at the end.
        Ok(Err(error)) | Err(error) => {
            let reason = format!("the file cannot be read any further: {error}");
            out.problem(of_file(layout, RowCode::E12, Effect::File, reason));
            Outcome::Broken
        }
    };
    out.flush()?;
    Ok(done)
}

fn rows<T>(
    input: &mut dyn io::Read,
    layout: &'static Layout,
    out: &mut Outlet<T>,
    mut each: impl FnMut(&Row, &mut Outlet<T>) -> Result<(), Problem>,
) -> io::Result<Result<Outcome, RosterError>> {
    let mut table = match Table::open(decoded(input)?, layout)? {
        Ok(table) => table,
        Err(problems) => {
            out.batch.problems.extend(problems);
            return Ok(Ok(Outcome::Refused));
        }
    };
    loop {
        match table.next()? {
            Next::Row(row) => {
                out.batch.counts.read += 1;
                if let Err(problem) = each(row, out) {
                    out.problem(problem);
                }
            }
            Next::Bad(problem) => {
                out.batch.counts.read += 1;
                out.problem(problem);
            }
            Next::End => break,
        }
        table.warnings.drain(..).for_each(|warning| out.problem(warning));
        if let Err(stopped) = out.flush_if_full() {
            return Ok(Err(stopped));
        }
    }
    table.warnings.drain(..).for_each(|warning| out.problem(warning));
    if table.rows() == 0 {
        out.problem(of_file(layout, RowCode::W08, Effect::Warning, "there are no rows below the header".to_owned()));
    }
    Ok(Ok(Outcome::Read))
}

/// A problem of a file as a whole.
pub(super) fn of_file(layout: &Layout, code: RowCode, effect: Effect, reason: String) -> Problem {
    Problem { file: layout.file.into(), line: 0, column: None, code, effect, reason: reason.into(), shape: None }
}
