//! One import, whatever the format: a blocking thread reads and judges a file and hands over batches ([`stream`]); here
//! they are stored, and what became of each row is counted.

mod fields;
mod settle;
mod storable;
mod stream;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use keybell_shared::eligibility::Ranks;
use keybell_shared::error::LedgerError;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{RosterLedger, School};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) use fields::{Distinct, is_active, is_enabled, name, required, usable};
pub(crate) use storable::{Answer, Nothing, Storable};
pub(crate) use stream::{BATCH, Batch, Notes, Outlet, Pass, RoleLines, of_file, scan};

use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Counts, Effect, FileReport, Outcome, Problem, Report};
use crate::seen::{Bits, Seen};
use crate::source::Source;
use crate::text::{Layout, Mapping};
use settle::tally;

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file that is being read.
    pub file: Cow<'static, str>,
    /// How many of its rows have been judged.
    pub rows: u64,
}

/// Who went in.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    /// By row of the file of people: went in, and is nobody's guardian.
    pub(crate) wards: Bits,
    /// The ids of everybody who went in.
    pub(crate) people: Seen,
    /// The ids of those who are guardians.
    pub(crate) kin: Seen,
}

/// What an import is made of besides its files.
pub(crate) struct Ground<F> {
    pub(crate) district: DistrictId,
    pub(crate) ledger: Arc<dyn RosterLedger>,
    pub(crate) progress: F,
    /// What somebody said that headers mean.
    pub(crate) mapping: Arc<Mapping>,
    /// How privileged each role is.
    pub(crate) ranks: Arc<Ranks>,
    /// Whether people may become less privileged by roles that no file says outright.
    pub(crate) allow_lower: bool,
}

/// A file that a thread is reading.
pub(crate) struct Reading<T, R> {
    batches: mpsc::Receiver<Batch<T>>,
    thread: JoinHandle<Result<R, RosterError>>,
}

/// An import under way.
pub(crate) struct Import<F> {
    pub(crate) source: Arc<Source>,
    pub(crate) ground: Ground<F>,
    pub(crate) report: Report,
    /// Organisations that become schools if something refers to them.
    pub(crate) waiting: HashMap<String, School>,
    /// The same of earlier rosters, which are no rows of this one.
    pub(crate) remembered: HashMap<String, School>,
    /// The file that the waiting ones come from.
    pub(crate) schools_file: &'static str,
    pub(crate) accepted: Accepted,
}

impl<F: Fn(Progress) + Send + Sync> Import<F> {
    pub(crate) fn new(source: Source, ground: Ground<F>, report: Report) -> Self {
        Self {
            source: Arc::new(source),
            ground,
            report,
            waiting: HashMap::new(),
            remembered: HashMap::new(),
            schools_file: "",
            accepted: Accepted::default(),
        }
    }

    /// The report of a whole import.
    pub(crate) fn finish(mut self) -> Report {
        // What nothing refers to is known and not stored.
        if !self.waiting.is_empty() {
            let left = u64::try_from(self.waiting.len()).unwrap_or(0);
            self.report.file(self.schools_file).counts.unchanged += left;
        }
        self.report.finish();
        debug_assert!(self.report.files.iter().all(|file| file.counts.add_up()), "{:?}", self.report.files);
        self.report
    }

    /// What is reported of a file.
    pub(crate) fn file(&mut self, layout: &'static Layout) -> &mut FileReport {
        let name = self.source.shown(layout.file);
        self.report.file(&name)
    }

    /// Leaves a whole file out.
    pub(crate) fn refuse(&mut self, layout: &'static Layout, reason: String) {
        self.file(layout).outcome = Outcome::Refused;
        self.report.note(of_file(self.source.shown(layout.file), RowCode::E13, Effect::File, reason));
    }

    /// Notes how the reading of a file ended.
    pub(crate) fn ended(&mut self, layout: &'static Layout, outcome: Outcome) -> Outcome {
        self.file(layout).outcome = outcome;
        outcome
    }

    /// Reads a file in a thread of its own and stores what comes.
    pub(crate) async fn pump<T: Storable, R: Send + 'static>(
        &mut self,
        layout: &'static Layout,
        pass: Pass,
        read: impl FnOnce(&Source, &mut Outlet<T>) -> Result<R, RosterError> + Send + 'static,
    ) -> Result<R, RosterError> {
        let reading = self.begin(pass, read);
        self.end(layout, pass, reading).await
    }

    /// Begins to read a file in a thread of its own, which goes on until some batches wait.
    pub(crate) fn begin<T: Storable, R: Send + 'static>(
        &self,
        pass: Pass,
        read: impl FnOnce(&Source, &mut Outlet<T>) -> Result<R, RosterError> + Send + 'static,
    ) -> Reading<T, R> {
        let (sender, batches) = mpsc::channel(T::AHEAD);
        let source = Arc::clone(&self.source);
        let (mapping, ranks) = (Arc::clone(&self.ground.mapping), Arc::clone(&self.ground.ranks));
        let thread = tokio::task::spawn_blocking(move || read(&source, &mut Outlet::new(sender, pass, mapping, ranks)));
        Reading { batches, thread }
    }

    /// Stores what is read of a file, to its end.
    pub(crate) async fn end<T: Storable, R>(
        &mut self,
        layout: &'static Layout,
        pass: Pass,
        mut reading: Reading<T, R>,
    ) -> Result<R, RosterError> {
        while let Some(batch) = reading.batches.recv().await {
            self.store(layout, pass, batch).await?;
            let rows = self.file(layout).counts.read;
            (self.ground.progress)(Progress { file: self.source.shown(layout.file), rows });
        }
        reading.thread.await.map_err(|_| RosterError::Stopped)?
    }

    async fn store<T: Storable>(
        &mut self,
        layout: &'static Layout,
        pass: Pass,
        batch: Batch<T>,
    ) -> Result<(), RosterError> {
        self.file(layout).counts += batch.counts;
        batch.problems.into_iter().for_each(|problem| self.report.note(problem));
        if !batch.schools.is_empty() {
            // These are no rows of the roster, so their fates are not counted.
            self.put(layout, &batch.schools).await?;
        }
        if batch.entries.is_empty() {
            return Ok(());
        }
        self.put_waiting(layout, batch.entries.iter().flat_map(|entry| entry.value.schools())).await?;
        let (rows, places): (Vec<T>, Vec<(u64, usize, Notes)>) =
            batch.entries.into_iter().map(|entry| (entry.value, (entry.line, entry.number, entry.notes))).unzip();
        let answers = self.put(layout, &rows).await?;
        let mut counts = Counts::default();
        for ((row, (line, number, notes)), answer) in rows.iter().zip(places).zip(answers) {
            match pass {
                Pass::Judging => self.settle(layout, &mut counts, row.id(), (line, number), &notes, answer),
                Pass::Again => self.remark(layout, line, notes, answer.fate),
                Pass::Rest => self.settle_roles(layout, &notes, answer),
            }
        }
        self.file(layout).counts += counts;
        Ok(())
    }

    /// Puts those of the waiting organisations into the ledger that are referred to.
    async fn put_waiting(
        &mut self,
        layout: &'static Layout,
        schools: impl Iterator<Item = &str>,
    ) -> Result<(), RosterError> {
        if self.waiting.is_empty() && self.remembered.is_empty() {
            return Ok(());
        }
        let (mut needed, mut earlier) = (Vec::new(), Vec::new());
        for id in schools {
            needed.extend(self.waiting.remove(id));
            earlier.extend(self.remembered.remove(id));
        }
        if !earlier.is_empty() {
            self.put(layout, &earlier).await?;
        }
        if needed.is_empty() {
            return Ok(());
        }
        let answers = self.put(layout, &needed).await?;
        for answer in answers {
            tally(&mut self.report.file(self.schools_file).counts, answer.fate, 1);
        }
        Ok(())
    }

    async fn put<T: Storable>(&mut self, layout: &'static Layout, rows: &[T]) -> Result<Vec<Answer>, RosterError> {
        let put = T::put(&*self.ground.ledger, self.ground.district, &self.ground.ranks, rows).await;
        let fates = put.map_err(|cause| self.failed(layout, cause))?;
        if fates.len() != rows.len() {
            let cause = LedgerError::Defect(format!("{} answers to {} rows", fates.len(), rows.len()));
            return Err(self.failed(layout, cause));
        }
        Ok(fates)
    }

    /// The ledger did not take something.
    pub(crate) fn failed(&mut self, layout: &'static Layout, cause: LedgerError) -> RosterError {
        let report = self.file(layout);
        RosterError::Ledger { file: report.file.clone().into_owned(), rows: report.counts.read, cause }
    }
}

/// Files of School Data Sync that say whose guardians people are. They are read as part of it, and nowhere else.
const OF_GUARDIANS: [&str; 2] = ["guardianrelationship.csv", "relationships.csv"];

impl<F> Import<F> {
    /// Says of a file that is not read that it holds guardians, if it does.
    pub(crate) fn guardians_left_out(&mut self, file: &str) {
        if OF_GUARDIANS.iter().any(|known| known.eq_ignore_ascii_case(file)) {
            let reason =
                "it says who is told about whom, which is not read from this format: no guardian is linked".to_owned();
            self.report.note(of_file(file.to_owned().into(), RowCode::W05, Effect::Warning, reason));
        }
    }

    /// Notes a problem of a row, once it is known that there is one.
    pub(crate) fn told(
        &mut self,
        file: Cow<'static, str>,
        line: u64,
        column: Option<Cow<'static, str>>,
        what: (RowCode, Effect, &'static str),
    ) {
        let (code, effect, reason) = what;
        self.report.note(Problem { file, line, column, code, effect, reason: reason.into(), shape: None });
    }
}
