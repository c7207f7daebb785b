//! From the thread that reads a file to the task that stores it: batches over a short channel.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use keybell_shared::eligibility::Ranks;
use keybell_shared::ports::ledger::School;
use tokio::sync::mpsc::Sender;

use super::Storable;
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Counts, Effect, Outcome, Problem};
use crate::source::Source;
use crate::text::{Layout, Lines, Mapping, Next, Row, Table};

/// How many rows go to the ledger at once, of kinds that say nothing else.
pub(crate) const BATCH: usize = 2000;

/// A row on its way into the ledger.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) line: u64,
    /// The row's number in its file, from 0.
    pub(crate) number: usize,
    pub(crate) value: T,
    pub(crate) notes: Notes,
}

/// What must be known of a row when its fate is.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The column to name if the ledger does not know what the row refers to.
    pub(crate) doubtful: Option<Cow<'static, str>>,
    /// The column to name if somebody else has the username.
    pub(crate) username: Option<Cow<'static, str>>,
    /// The column to name if nothing says what the person is.
    pub(crate) unsaid: Option<Cow<'static, str>>,
    /// A person's lines in `roles.csv`: they share the person's fate.
    pub(crate) role_lines: RoleLines,
    /// Whether a person is somebody's guardian by any of their roles.
    pub(crate) kin: bool,
}

/// The lines of a person in `roles.csv`.
#[derive(Debug, Default)]
pub(crate) struct RoleLines {
    /// Of roles that they have.
    pub(crate) held: Vec<u64>,
    /// Of roles that are gone.
    pub(crate) gone: Vec<u64>,
}

impl RoleLines {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.gone.is_empty()
    }
}

/// Some rows, and what was found wrong since the last batch.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    /// `read`, and the fates of rows that the ledger need not see.
    pub(crate) counts: Counts,
    pub(crate) entries: Vec<Entry<T>>,
    pub(crate) problems: Vec<Problem>,
    /// Schools that rows of people name, where no file tells the schools.
    pub(crate) schools: Vec<School>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self { counts: Counts::default(), entries: Vec::new(), problems: Vec::new(), schools: Vec::new() }
    }
}

/// Which reading of a file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The one that judges and counts its rows.
    Judging,
    /// Another one, for something that its rows say besides. What is wrong with them has been told.
    Again,
    /// Another one, for rows that the first one read, judged and counted without a fate: those of roles.
    Rest,
}

/// Where the reading thread puts what it found.
pub(crate) struct Outlet<T> {
    sender: Sender<Batch<T>>,
    batch: Batch<T>,
    pass: Pass,
    mapping: Arc<Mapping>,
    ranks: Arc<Ranks>,
}

impl<T> Outlet<T> {
    pub(crate) fn new(sender: Sender<Batch<T>>, pass: Pass, mapping: Arc<Mapping>, ranks: Arc<Ranks>) -> Self {
        Self { sender, batch: Batch::new(), pass, mapping, ranks }
    }

    /// How privileged each role is.
    pub(crate) fn ranks(&self) -> &Ranks {
        &self.ranks
    }

    /// A school that the next rows need.
    pub(crate) fn school(&mut self, school: School) {
        self.batch.schools.push(school);
    }

    /// A row for the ledger.
    pub(crate) fn row(&mut self, row: &Row, value: T, notes: Notes) {
        self.batch.entries.push(Entry { line: row.line, number: row.number, value, notes });
    }

    /// Something wrong.
    pub(crate) fn problem(&mut self, problem: Problem) {
        if self.pass == Pass::Judging {
            self.batch.problems.push(problem);
        }
    }

    fn read(&mut self) {
        self.batch.counts.read += u64::from(self.pass == Pass::Judging);
    }

    /// A row that is inactive and not for the ledger.
    pub(crate) fn inactive(&mut self) {
        self.batch.counts.inactive += 1;
    }

    /// A row that tells something and is not for the ledger.
    pub(crate) fn unchanged(&mut self) {
        self.batch.counts.unchanged += 1;
    }

    /// Hands over what there is; waits while the ledger is behind.
    pub(crate) fn flush(&mut self) -> Result<(), RosterError> {
        let batch = std::mem::replace(&mut self.batch, Batch::new());
        self.sender.blocking_send(batch).map_err(|_| RosterError::Stopped)
    }
}

impl<T: Storable> Outlet<T> {
    fn flush_if_full(&mut self) -> Result<(), RosterError> {
        if self.batch.entries.len() >= T::BATCH
            || self.batch.problems.len() >= BATCH
            || self.batch.counts.read >= 4 * BATCH as u64
        {
            return self.flush();
        }
        Ok(())
    }
}

/// Reads a file row by row. `each` puts sound rows into the outlet; a problem that it answers leaves the row out.
pub(crate) fn scan<T: Storable>(
    source: &Source,
    layout: &'static Layout,
    out: &mut Outlet<T>,
    each: impl FnMut(&Row, &mut Outlet<T>) -> Result<(), Problem>,
) -> Result<Outcome, RosterError> {
    let file = source.shown(layout.file);
    let done = source.lines(layout.file, |lines| rows(lines, file.clone(), layout, out, each));
    let done = match done {
        Ok(Ok(outcome)) => outcome?,
        // Of a file that cannot even be opened nothing was read; the zip's check sum, for one, comes at the end.
        Ok(Err(error)) | Err(error) => {
            let reason = format!("the file cannot be read any further: {error}");
            out.problem(of_file(file, RowCode::E12, Effect::File, reason));
            Outcome::Broken
        }
    };
    out.flush()?;
    Ok(done)
}

fn rows<T: Storable>(
    lines: Box<dyn Lines + '_>,
    file: Cow<'static, str>,
    layout: &'static Layout,
    out: &mut Outlet<T>,
    mut each: impl FnMut(&Row, &mut Outlet<T>) -> Result<(), Problem>,
) -> io::Result<Result<Outcome, RosterError>> {
    let mapping = Arc::clone(&out.mapping);
    let mut table = match Table::open(lines, file.clone(), layout, &mapping)? {
        Ok(table) => table,
        Err(problems) => {
            for problem in problems {
                out.problem(problem);
            }
            return Ok(Ok(Outcome::Refused));
        }
    };
    loop {
        match table.next()? {
            Next::Row(row) => {
                out.read();
                if let Err(problem) = each(row, out) {
                    out.problem(problem);
                }
            }
            Next::Bad(problem) => {
                out.read();
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
        out.problem(of_file(file, RowCode::W08, Effect::Warning, "there are no rows below the header".to_owned()));
    }
    Ok(Ok(Outcome::Read))
}

/// A problem of a file as a whole.
pub(crate) fn of_file(file: Cow<'static, str>, code: RowCode, effect: Effect, reason: String) -> Problem {
    Problem { file, line: 0, column: None, code, effect, reason: reason.into(), shape: None }
}
