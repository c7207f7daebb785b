//! One import: file after file, batch after batch, every row to its fate.

use std::collections::HashMap;
use std::sync::Arc;

use keybell_shared::error::LedgerError;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{RosterLedger, RowFate, School};
use tokio::sync::mpsc;

use super::enrolments::Enrolments;
use super::guardians::{self, Accepted, Links};
use super::layouts::{CLASSES, ENROLMENTS, ORGS, ROLES, not_needed};
use super::manifest::{Manifest, Mode};
use super::orgs::{self, Orgs};
use super::people::{self, People};
use super::roles::{self, Roles};
use super::storable::Storable;
use super::stream::{Batch, Notes, Outlet, of_file};
use super::{Progress, classes};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Counts, Effect, Outcome, Problem, Report};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::Layout;

/// An import under way.
pub(super) struct Run<F> {
    source: Arc<Source>,
    manifest: Manifest,
    district: DistrictId,
    ledger: Arc<dyn RosterLedger>,
    progress: F,
    report: Report,
    /// Organisations that become schools if something refers to them.
    waiting: HashMap<String, School>,
    accepted: Accepted,
    /// Whether roles are in `roles.csv`. A 1.2 roster without it may still have them in `users.csv`, as 1.1 does.
    roles_apart: bool,
}

impl<F: Fn(Progress) + Send + Sync> Run<F> {
    pub(super) fn new(
        source: Source,
        manifest: Manifest,
        district: DistrictId,
        ledger: Arc<dyn RosterLedger>,
        progress: F,
    ) -> Self {
        let mut report = Report::new(manifest.version.clone());
        report.not_needed = not_needed(&source, manifest.has_roles);
        let roles_apart = manifest.has_roles && source.has(ROLES.file);
        Self {
            source: Arc::new(source),
            manifest,
            district,
            ledger,
            progress,
            report,
            waiting: HashMap::new(),
            accepted: Accepted::default(),
            roles_apart,
        }
    }

    /// Imports everything.
    pub(super) async fn go(mut self) -> Result<Report, RosterError> {
        let orgs = self.orgs().await?;
        let classes = self.classes(orgs.clone()).await?;
        self.people(orgs).await?;
        let accepted = Arc::new(std::mem::take(&mut self.accepted));
        self.guardians(Arc::clone(&accepted)).await?;
        self.enrolments(classes, accepted).await?;
        // What nothing refers to is known and not stored.
        if !self.waiting.is_empty() {
            self.report.file(ORGS.file).counts.unchanged += u64::try_from(self.waiting.len()).unwrap_or(0);
        }
        self.report.finish();
        debug_assert!(self.report.files.iter().all(|file| file.counts.add_up()), "{:?}", self.report.files);
        Ok(self.report)
    }

    async fn orgs(&mut self) -> Result<Option<Arc<Orgs>>, RosterError> {
        if !self.is_wanted(&ORGS) {
            return Ok(None);
        }
        let (outcome, mut orgs) = self.pump(&ORGS, orgs::read).await?;
        self.waiting = std::mem::take(&mut orgs.waiting);
        self.report.district_name = orgs.district_name.take();
        // Of a file that could not be read to its end it is not known what it does not have.
        Ok((self.ended(&ORGS, outcome) == Outcome::Read).then(|| Arc::new(orgs)))
    }

    async fn classes(&mut self, orgs: Option<Arc<Orgs>>) -> Result<Seen, RosterError> {
        if !self.is_wanted(&CLASSES) {
            return Ok(Seen::default());
        }
        let (outcome, ids) = self.pump(&CLASSES, move |source, out| classes::read(source, orgs.as_ref(), out)).await?;
        self.ended(&CLASSES, outcome);
        Ok(ids)
    }

    async fn people(&mut self, orgs: Option<Arc<Orgs>>) -> Result<(), RosterError> {
        let layout = people::layout(self.roles_apart);
        let mut roles = None;
        if self.manifest.has_roles && self.is_wanted(&ROLES) {
            let orgs = orgs.clone();
            let (outcome, read) = self.pump(&ROLES, move |source, out| roles::read(source, orgs.as_ref(), out)).await?;
            self.ended(&ROLES, outcome);
            roles = Some(read);
        }
        let complete = !self.roles_apart || (roles.is_some() && self.report.file(ROLES.file).outcome == Outcome::Read);
        if self.is_wanted(layout) {
            if complete {
                let people = People { orgs, roles };
                let (outcome, left) = self.pump(layout, move |source, out| people.read(source, out)).await?;
                self.ended(layout, outcome);
                roles = left;
            } else {
                // Without its role, a pupil would count as staff of the highest rank.
                let reason = "roles.csv could not be read, and nobody is imported without their roles";
                self.refuse(layout, reason.to_owned());
            }
        }
        self.leave_roles(roles.as_ref());
        Ok(())
    }

    /// Rejects the roles of people who did not go in.
    fn leave_roles(&mut self, roles: Option<&Roles>) {
        for line in roles.map(Roles::left).unwrap_or_default() {
            self.report.note(Problem {
                file: ROLES.file.into(),
                line,
                column: Some("userSourcedId".into()),
                code: RowCode::E03,
                effect: Effect::Row,
                reason: "users.csv has no such person, or their row was left out".into(),
                shape: None,
            });
        }
    }

    async fn guardians(&mut self, accepted: Arc<Accepted>) -> Result<(), RosterError> {
        let layout = people::layout(self.roles_apart);
        if !self.report.files.iter().any(|file| file.file == layout.file && file.outcome != Outcome::Refused) {
            return Ok(());
        }
        let (sender, mut batches) = mpsc::channel::<Links>(2);
        let source = Arc::clone(&self.source);
        let reading = tokio::task::spawn_blocking(move || guardians::read(&source, layout, &accepted, &sender));
        while let Some(batch) = batches.recv().await {
            batch.problems.into_iter().for_each(|problem| self.report.note(problem));
            let (links, told): (Vec<_>, Vec<Problem>) =
                batch.links.into_iter().map(|link| (link.ids, link.unknown)).unzip();
            if links.is_empty() {
                continue;
            }
            let linked = self.ledger.link_guardians(self.district, &links).await;
            let unknown = linked.map_err(|cause| self.failed(layout.file, cause))?;
            let by_ward: HashMap<&str, &Problem> =
                links.iter().zip(&told).map(|((ward, _), problem)| (ward.as_str(), problem)).collect();
            let problems = unknown.iter().filter_map(|(ward, _)| by_ward.get(ward.as_str()));
            for problem in problems {
                self.report.note((*problem).clone());
            }
        }
        reading.await.map_err(|_| RosterError::Stopped)
    }

    async fn enrolments(&mut self, classes: Seen, people: Arc<Accepted>) -> Result<(), RosterError> {
        if self.is_wanted(&ENROLMENTS) {
            let enrolments = Enrolments { classes: Arc::new(classes), people };
            let outcome = self.pump(&ENROLMENTS, move |source, out| enrolments.read(source, out)).await?;
            self.ended(&ENROLMENTS, outcome);
        }
        Ok(())
    }

    /// Whether a file is to be read; if it should be and cannot, says why.
    fn is_wanted(&mut self, layout: &'static Layout) -> bool {
        let reason = match (self.manifest.mode(layout.file), self.source.has(layout.file)) {
            (Mode::Bulk | Mode::Unsaid, true) => return true,
            (Mode::Absent | Mode::Unsaid, false) => return false,
            (Mode::Delta, _) => "it is in delta mode (changes only), which is not supported: export it in bulk mode",
            (Mode::Bulk | Mode::Odd, false) => "the manifest announces it, and it is not there",
            (Mode::Absent, true) => "it is there, and the manifest says that it is absent: correct the manifest",
            (Mode::Odd, true) => "the manifest names a mode for it that is neither bulk, delta nor absent",
        };
        self.refuse(layout, reason.to_owned());
        false
    }

    fn refuse(&mut self, layout: &Layout, reason: String) {
        self.report.file(layout.file).outcome = Outcome::Refused;
        self.report.note(of_file(layout, RowCode::E13, Effect::File, reason));
    }

    fn ended(&mut self, layout: &Layout, outcome: Outcome) -> Outcome {
        self.report.file(layout.file).outcome = outcome;
        outcome
    }

    /// Reads a file in a thread of its own and stores what comes.
    async fn pump<T: Storable, R: Send + 'static>(
        &mut self,
        layout: &'static Layout,
        read: impl FnOnce(&Source, &mut Outlet<T>) -> Result<R, RosterError> + Send + 'static,
    ) -> Result<R, RosterError> {
        let (sender, mut batches) = mpsc::channel(2);
        let source = Arc::clone(&self.source);
        let reading = tokio::task::spawn_blocking(move || read(&source, &mut Outlet::new(sender)));
        while let Some(batch) = batches.recv().await {
            self.store(layout, batch).await?;
            let rows = self.report.file(layout.file).counts.read;
            (self.progress)(Progress { file: layout.file, rows });
        }
        reading.await.map_err(|_| RosterError::Stopped)?
    }

    async fn store<T: Storable>(&mut self, layout: &'static Layout, batch: Batch<T>) -> Result<(), RosterError> {
        self.report.file(layout.file).counts += batch.counts;
        batch.problems.into_iter().for_each(|problem| self.report.note(problem));
        if batch.entries.is_empty() {
            return Ok(());
        }
        self.put_waiting(batch.entries.iter().flat_map(|entry| entry.value.schools())).await?;
        let (rows, places): (Vec<T>, Vec<(u64, usize, Notes)>) =
            batch.entries.into_iter().map(|entry| (entry.value, (entry.line, entry.number, entry.notes))).unzip();
        let fates = self.put(layout.file, &rows).await?;
        for ((row, (line, number, notes)), fate) in rows.iter().zip(places).zip(fates) {
            self.settle(layout, row.id(), line, number, &notes, fate);
        }
        Ok(())
    }

    /// Puts those of the waiting organisations into the ledger that are referred to.
    async fn put_waiting(&mut self, schools: impl Iterator<Item = &str>) -> Result<(), RosterError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let needed: Vec<School> = schools.filter_map(|id| self.waiting.remove(id)).collect();
        if needed.is_empty() {
            return Ok(());
        }
        let fates = self.put(ORGS.file, &needed).await?;
        for fate in fates {
            tally(&mut self.report.file(ORGS.file).counts, fate, 1);
        }
        Ok(())
    }

    async fn put<T: Storable>(&mut self, file: &'static str, rows: &[T]) -> Result<Vec<RowFate>, RosterError> {
        let fates = T::put(&*self.ledger, self.district, rows).await.map_err(|cause| self.failed(file, cause))?;
        if fates.len() != rows.len() {
            let cause = LedgerError::Defect(format!("{} answers to {} rows", fates.len(), rows.len()));
            return Err(self.failed(file, cause));
        }
        Ok(fates)
    }

    fn failed(&mut self, file: &'static str, cause: LedgerError) -> RosterError {
        RosterError::Ledger { file: file.to_owned(), rows: self.report.file(file).counts.read, cause }
    }

    fn settle(
        &mut self,
        layout: &'static Layout,
        id: Option<&str>,
        line: u64,
        number: usize,
        notes: &Notes,
        fate: RowFate,
    ) {
        let refusal = match fate {
            RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive => None,
            RowFate::UsernameTaken => {
                Some((RowCode::E06, Some("username"), "another person of the district has this username"))
            }
            RowFate::Dangling => Some((RowCode::E03, notes.doubtful, "the district has nothing with this id")),
        };
        let Some((code, column, reason)) = refusal else {
            tally(&mut self.report.file(layout.file).counts, fate, 1);
            if !notes.role_lines.is_empty() {
                tally(&mut self.report.file(ROLES.file).counts, fate, notes.role_lines.len() as u64);
            }
            if let Some(id) = id {
                self.accepted.people.insert(id);
                if notes.kin {
                    self.accepted.kin.insert(id);
                } else {
                    self.accepted.wards.set(number);
                }
            }
            return;
        };
        let problem = |file: &'static str, line, column: Option<&'static str>, reason: &'static str| Problem {
            file: file.into(),
            line,
            column: column.map(Into::into),
            code,
            effect: Effect::Row,
            reason: reason.into(),
            shape: None,
        };
        self.report.note(problem(layout.file, line, column, reason));
        for line in &notes.role_lines {
            self.report.note(problem(ROLES.file, *line, Some("userSourcedId"), "this person's row was left out"));
        }
    }
}

fn tally(counts: &mut Counts, fate: RowFate, rows: u64) {
    match fate {
        RowFate::Created => counts.created += rows,
        RowFate::Updated => counts.updated += rows,
        RowFate::Unchanged => counts.unchanged += rows,
        RowFate::Inactive => counts.inactive += rows,
        // A school that the ledger refuses is a defect of the ledger; it counts, so that the sum holds.
        RowFate::UsernameTaken | RowFate::Dangling => counts.rejected += rows,
    }
}
