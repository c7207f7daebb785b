//! The files of a OneRoster export, one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::classes;
use super::enrolments::Enrolments;
use super::guardians::{self, Links};
use super::layouts::{Files, ORGS, not_needed};
use super::manifest::{Manifest, Mode};
use super::orgs::{self, Orgs};
use super::people::People;
use super::roles::{self, Roles};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Effect, Outcome, Problem, Report};
use crate::run::{Accepted, Import, Nothing, Pass, Progress, Reading};
use crate::seen::Seen;
use crate::text::Layout;

/// Roles that are being read.
type ReadingRoles = Reading<Nothing, (Outcome, Roles)>;

/// An import of a OneRoster export, or of one that is made like it.
pub(super) struct Run<F> {
    import: Import<F>,
    manifest: Manifest,
    files: Files,
    /// Whether roles are in `roles.csv`. A 1.2 roster without it may still have them in `users.csv`, as 1.1 does.
    roles_apart: bool,
}

impl<F: Fn(Progress) + Send + Sync> Run<F> {
    pub(super) fn new(mut import: Import<F>, manifest: Manifest, files: Files) -> Self {
        import.schools_file = ORGS.file;
        import.report.not_needed = not_needed(&import.source, manifest.has_roles);
        let roles_apart = manifest.has_roles && import.source.has(files.roles.file);
        Self { import, manifest, files, roles_apart }
    }

    /// Imports everything.
    pub(super) async fn go(mut self) -> Result<Report, RosterError> {
        let orgs = self.orgs().await?;
        // The ledger has no part in reading the roles, so that is done while it takes the classes.
        let roles = self.begin_roles(orgs.clone());
        let classes = self.classes(orgs.clone()).await?;
        self.people(orgs, roles).await?;
        let accepted = Arc::new(std::mem::take(&mut self.import.accepted));
        self.guardians(Arc::clone(&accepted)).await?;
        self.enrolments(classes, accepted).await?;
        Ok(self.import.finish())
    }

    async fn orgs(&mut self) -> Result<Option<Arc<Orgs>>, RosterError> {
        if !self.is_wanted(&ORGS) {
            return Ok(None);
        }
        let (outcome, mut orgs) = self.import.pump(&ORGS, Pass::Judging, orgs::read).await?;
        self.import.waiting = std::mem::take(&mut orgs.waiting);
        self.import.report.district_name = orgs.district_name.take();
        // Of a file that could not be read to its end, or that has changes only, it is not known what it does not have.
        let complete = self.manifest.mode(ORGS.file) != Mode::Delta;
        let complete = self.import.ended(&ORGS, outcome) == Outcome::Read && complete;
        Ok(complete.then(|| Arc::new(orgs)))
    }

    async fn classes(&mut self, orgs: Option<Arc<Orgs>>) -> Result<Seen, RosterError> {
        let layout = self.files.classes;
        if !self.is_wanted(layout) {
            return Ok(Seen::default());
        }
        let read = move |source: &_, out: &mut _| classes::read(source, orgs.as_ref(), layout, out);
        let (outcome, ids) = self.import.pump(layout, Pass::Judging, read).await?;
        self.import.ended(layout, outcome);
        Ok(ids)
    }

    /// `None` if there are no roles to be read; why, is said when it is their turn.
    fn begin_roles(&self, orgs: Option<Arc<Orgs>>) -> Option<ReadingRoles> {
        let layout = self.files.roles;
        let wanted = self.manifest.has_roles && self.judged(layout) == Ok(true);
        let read = move |source: &_, out: &mut _| roles::read(source, orgs.as_ref(), layout, out);
        wanted.then(|| self.import.begin(Pass::Judging, read))
    }

    async fn people(&mut self, orgs: Option<Arc<Orgs>>, reading: Option<ReadingRoles>) -> Result<(), RosterError> {
        let layout = self.users();
        let in_roles = self.files.roles;
        let mut roles = None;
        if self.manifest.has_roles
            && self.is_wanted(in_roles)
            && let Some(reading) = reading
        {
            let (outcome, read) = self.import.end(in_roles, Pass::Judging, reading).await?;
            self.import.ended(in_roles, outcome);
            roles = Some(read);
        }
        let complete = !self.roles_apart || (roles.is_some() && self.import.file(in_roles).outcome == Outcome::Read);
        if self.is_wanted(layout) {
            if complete {
                let people = People { orgs, roles, layout };
                let read = move |source: &_, out: &mut _| people.read(source, out);
                let (outcome, left) = self.import.pump(layout, Pass::Judging, read).await?;
                self.import.ended(layout, outcome);
                roles = left;
            } else {
                // Without its role, a pupil would count as staff of the highest rank.
                let reason = "roles.csv could not be read, and nobody is imported without their roles";
                self.import.refuse(layout, reason.to_owned());
            }
        }
        self.leave_roles(roles.as_ref());
        Ok(())
    }

    /// The layout of `users.csv`, which depends on where the roles are.
    fn users(&self) -> &'static Layout {
        if self.roles_apart { self.files.users } else { self.files.users_with_role }
    }

    /// Rejects the roles of people who did not go in.
    fn leave_roles(&mut self, roles: Option<&Roles>) {
        for line in roles.map(Roles::left).unwrap_or_default() {
            self.import.report.note(Problem {
                file: self.files.roles.file.into(),
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
        let layout = self.users();
        let import = &mut self.import;
        if !import.report.files.iter().any(|file| file.file == layout.file && file.outcome != Outcome::Refused) {
            return Ok(());
        }
        let (sender, mut batches) = mpsc::channel::<Links>(2);
        let source = Arc::clone(&import.source);
        let reading = tokio::task::spawn_blocking(move || guardians::read(&source, layout, &accepted, &sender));
        while let Some(batch) = batches.recv().await {
            batch.problems.into_iter().for_each(|problem| import.report.note(problem));
            let (links, told): (Vec<_>, Vec<Problem>) =
                batch.links.into_iter().map(|link| (link.ids, link.unknown)).unzip();
            if links.is_empty() {
                continue;
            }
            let linked = import.ground.ledger.link_guardians(import.ground.district, &links).await;
            let unknown = linked.map_err(|cause| import.failed(layout, cause))?;
            let by_ward: HashMap<&str, &Problem> =
                links.iter().zip(&told).map(|((ward, _), problem)| (ward.as_str(), problem)).collect();
            let problems = unknown.iter().filter_map(|(ward, _)| by_ward.get(ward.as_str()));
            for problem in problems {
                import.report.note((*problem).clone());
            }
        }
        reading.await.map_err(|_| RosterError::Stopped)
    }

    async fn enrolments(&mut self, classes: Seen, people: Arc<Accepted>) -> Result<(), RosterError> {
        let layout = self.files.enrolments;
        if self.is_wanted(layout) {
            let enrolments = Enrolments { classes: Arc::new(classes), people, layout };
            let read = move |source: &_, out: &mut _| enrolments.read(source, out);
            let outcome = self.import.pump(layout, Pass::Judging, read).await?;
            self.import.ended(layout, outcome);
        }
        Ok(())
    }

    /// Whether a file is to be read; if it should be and cannot, says why.
    fn is_wanted(&mut self, layout: &'static Layout) -> bool {
        self.judged(layout).unwrap_or_else(|reason| {
            self.import.refuse(layout, reason.to_owned());
            false
        })
    }

    /// Whether a file is to be read, or why it cannot.
    fn judged(&self, layout: &'static Layout) -> Result<bool, &'static str> {
        Err(match (self.manifest.mode(layout.file), self.import.source.has(layout.file)) {
            (Mode::Bulk | Mode::Unsaid, true) => return Ok(true),
            (Mode::Absent | Mode::Unsaid, false) => return Ok(false),
            (Mode::Delta, true) if !self.of_people_with_roles_apart(layout) => return Ok(true),
            (Mode::Delta, true) => {
                "it is in delta mode (changes only): without all roles of a person nobody can tell who they are, so export \
                 users.csv and roles.csv in bulk mode"
            }
            (Mode::Bulk | Mode::Delta | Mode::Odd, false) => "the manifest announces it, and it is not there",
            (Mode::Absent, true) => "it is there, and the manifest says that it is absent: correct the manifest",
            (Mode::Odd, true) => "the manifest names a mode for it that is neither bulk, delta nor absent",
        })
    }

    /// Whether a file tells people or roles of an export that has these apart.
    fn of_people_with_roles_apart(&self, layout: &Layout) -> bool {
        self.manifest.has_roles
            && self.roles_apart
            && [self.files.users.file, self.files.roles.file].contains(&layout.file)
    }
}
