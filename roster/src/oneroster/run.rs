//! The files of a OneRoster export, one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::classes;
use super::enrolments::Enrolments;
use super::guardians::{self, Ties, WhoIsWho};
use super::layouts::{Files, ORGS, not_needed};
use super::manifest::{Manifest, Mode};
use super::orgs::{self, Orgs};
use super::people;
use super::relations::{self, Contacts, Relations};
use super::roles::{self, Roles, Tells};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::recognise::has_column;
use crate::report::{Effect, Outcome, Problem, Report};
use crate::run::{Accepted, Import, Nothing, Pass, Progress, Reading, of_file};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::Layout;

/// Whether roles are in `roles.csv`. A 1.2 roster without it may have them in `users.csv` as 1.1 does; or it has changes
/// only, and none of a role.
pub(super) fn roles_apart(source: &Source, manifest: &Manifest, files: &Files) -> bool {
    let users = files.users.file;
    let among_users = || has_column(source, users, "role");
    manifest.has_roles
        && (source.has(files.roles.file)
            || (manifest.mode(users) == Mode::Delta && source.has(users) && !among_users()))
}

/// Roles that are being read.
type ReadingRoles = Reading<Nothing, (Outcome, Roles)>;

/// An import of a OneRoster export, or of one that is made like it.
pub(super) struct Run<F> {
    import: Import<F>,
    manifest: Manifest,
    files: Files,
    /// Whether roles are in `roles.csv`.
    roles_apart: bool,
}

impl<F: Fn(Progress) + Send + Sync> Run<F> {
    pub(super) fn new(mut import: Import<F>, manifest: Manifest, files: Files) -> Self {
        import.schools_file = ORGS.file;
        import.report.not_needed = not_needed(&import.source, manifest.has_roles, &files);
        let roles_apart = roles_apart(&import.source, &manifest, &files);
        for file in import.report.not_needed.clone() {
            import.guardians_left_out(&file);
        }
        Self { import, manifest, files, roles_apart }
    }

    /// Imports everything.
    pub(super) async fn go(mut self) -> Result<Report, RosterError> {
        let orgs = self.orgs().await?;
        // The ledger has no part in reading the roles, so that is done while it takes the classes.
        let reading = self.begin_roles(&orgs);
        let classes = self.classes(Arc::clone(&orgs)).await?;
        let contacts = self.contacts().await?;
        self.people(orgs, contacts, reading).await?;
        let accepted = Arc::new(std::mem::take(&mut self.import.accepted));
        let relations = self.relations(&accepted).await?;
        self.guardians(WhoIsWho { accepted: Arc::clone(&accepted), relations }).await?;
        self.enrolments(classes, accepted).await?;
        Ok(self.import.finish())
    }

    async fn orgs(&mut self) -> Result<Arc<Orgs>, RosterError> {
        let mut orgs = Orgs::default();
        if self.is_wanted(&ORGS) {
            let (outcome, read) = self.import.pump(&ORGS, Pass::Judging, orgs::read).await?;
            orgs = read;
            self.import.waiting = std::mem::take(&mut orgs.waiting);
            self.import.report.district_name = orgs.district_name.take();
            // Of a file that could not be read to its end, or that has changes only, it is not known what it does not have.
            let whole = self.manifest.mode(ORGS.file) != Mode::Delta;
            orgs.complete = self.import.ended(&ORGS, outcome) == Outcome::Read && whole;
        }
        let (ledger, district) = (Arc::clone(&self.import.ground.ledger), self.import.ground.district);
        let others = std::mem::take(&mut orgs.others);
        if !others.is_empty() {
            let put = ledger.put_organisations(district, &others).await;
            put.map_err(|cause| self.import.failed(&ORGS, cause))?;
        }
        if !orgs.complete {
            let earlier = ledger.organisations(district).await;
            let earlier = earlier.map_err(|cause| self.import.failed(&ORGS, cause))?;
            self.import.remembered = orgs.remember(earlier);
            let schools = ledger.schools(district).await.map_err(|cause| self.import.failed(&ORGS, cause))?;
            if let Some(schools) = schools {
                orgs.know(schools);
            }
        }
        Ok(Arc::new(orgs))
    }

    async fn classes(&mut self, orgs: Arc<Orgs>) -> Result<Seen, RosterError> {
        let layout = self.files.classes;
        if !self.is_wanted(layout) {
            return Ok(Seen::default());
        }
        let read = move |source: &_, out: &mut _| classes::read(source, &orgs, layout, out);
        let (outcome, ids) = self.import.pump(layout, Pass::Judging, read).await?;
        self.import.ended(layout, outcome);
        Ok(ids)
    }

    /// `None` if there are no roles to be read; why, is said when it is their turn.
    fn begin_roles(&self, orgs: &Arc<Orgs>) -> Option<ReadingRoles> {
        let (layout, tells, orgs) = (self.files.roles, self.tells(), Arc::clone(orgs));
        let wanted = self.roles_apart && self.judged(layout) == Ok(true);
        let read = move |source: &_, out: &mut _| roles::read(source, &orgs, (layout, tells), out);
        wanted.then(|| self.import.begin(Pass::Judging, read))
    }

    async fn people(
        &mut self,
        orgs: Arc<Orgs>,
        contacts: Contacts,
        reading: Option<ReadingRoles>,
    ) -> Result<(), RosterError> {
        if self.roles_apart {
            return self.people_apart(contacts, reading).await;
        }
        let layout = self.users();
        if self.manifest.has_roles {
            // Announced and not there is told; where the roles are among the users, they are read all the same.
            self.is_wanted(self.files.roles);
        }
        if self.is_wanted(layout) {
            let read = move |source: &_, out: &mut _| people::read(source, &orgs, &contacts, layout, out);
            let outcome = self.import.pump(layout, Pass::Judging, read).await?;
            self.import.ended(layout, outcome);
        }
        Ok(())
    }

    /// Reads people whose roles are in `roles.csv`, and then the roles of whom `users.csv` says nothing.
    async fn people_apart(&mut self, contacts: Contacts, reading: Option<ReadingRoles>) -> Result<(), RosterError> {
        let (layout, in_roles) = (self.files.users, self.files.roles);
        let tells = self.tells();
        let mut roles = None;
        if self.is_wanted(in_roles)
            && let Some(reading) = reading
        {
            let (outcome, read) = self.import.end(in_roles, Pass::Judging, reading).await?;
            let complete = self.import.ended(in_roles, outcome) == Outcome::Read;
            roles = Some((read, complete));
        } else if !self.import.source.has(in_roles.file) && self.manifest.mode(layout.file) == Mode::Delta {
            // No role changed.
            roles = Some((Roles::unchanged(), true));
        }
        let wanted = self.is_wanted(layout);
        let Some((mut roles, true)) = roles else {
            if wanted {
                // Without all their rows, a teacher could count as a pupil, and a pupil as staff of the highest rank.
                let reason = "roles.csv could not be read, and nobody is imported without their roles";
                self.import.refuse(layout, reason.to_owned());
            }
            self.leave_roles(roles.map(|(roles, _)| roles).as_ref());
            return Ok(());
        };
        if wanted {
            let read = move |source: &_, out: &mut _| people::read_apart(source, roles, &contacts, layout, out);
            let (outcome, left) = self.import.pump(layout, Pass::Judging, read).await?;
            self.import.ended(layout, outcome);
            roles = left;
        }
        // Of a person who is in no complete list of people, a complete list of roles says nothing that counts.
        let changes = tells == Tells::Changes || self.manifest.mode(layout.file) == Mode::Delta || !wanted;
        if changes && self.import.source.has(in_roles.file) {
            roles =
                self.import.pump(in_roles, Pass::Rest, move |source, out| roles.rest(source, in_roles, out)).await?;
        }
        self.leave_roles(Some(&roles));
        Ok(())
    }

    /// What `roles.csv` tells of a person.
    fn tells(&self) -> Tells {
        let users_change = self.manifest.mode(self.files.users.file) == Mode::Delta;
        match self.manifest.mode(self.files.roles.file) {
            Mode::Delta => Tells::Changes,
            // Of a file that the manifest does not name the careful reading is taken: that it leaves something out.
            Mode::Unsaid if users_change => Tells::Changes,
            Mode::Bulk | Mode::Absent | Mode::Odd | Mode::Unsaid if self.manifest.has_changes => Tells::All,
            Mode::Bulk | Mode::Absent | Mode::Odd | Mode::Unsaid => Tells::AllForGood,
        }
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

    /// What contacts are by the file of relations, if there is one.
    async fn contacts(&self) -> Result<Contacts, RosterError> {
        let Some(layout) = self.files.relations else { return Ok(Contacts::default()) };
        if !self.import.source.has(layout.file) {
            return Ok(Contacts::absent());
        }
        let (source, allow_lower) = (Arc::clone(&self.import.source), self.import.ground.allow_lower);
        let reading = tokio::task::spawn_blocking(move || Contacts::read(&source, layout, allow_lower));
        reading.await.map_err(|_| RosterError::Stopped)
    }

    /// The links of the file of relations; `None` if there is none, or it tells too little to take links away.
    async fn relations(&mut self, accepted: &Arc<Accepted>) -> Result<Option<Relations>, RosterError> {
        let Some(layout) = self.files.relations.filter(|layout| self.import.source.has(layout.file)) else {
            return Ok(None);
        };
        if self.people_read() != Some(Outcome::Read) {
            let reason = "users.csv could not be read to its end, and nobody's guardians are changed without it";
            self.import.refuse(layout, reason.to_owned());
            return Ok(None);
        }
        let accepted = Arc::clone(accepted);
        let read = move |source: &_, out: &mut _| relations::read(source, layout, &accepted, out);
        let (outcome, relations) = self.import.pump(layout, Pass::Judging, read).await?;
        if self.import.ended(layout, outcome) == Outcome::Read {
            return Ok(Some(relations));
        }
        let reason = "it could not be read to its end, so nobody's guardians are changed".to_owned();
        self.import.report.note(of_file(layout.file.into(), RowCode::W05, Effect::Warning, reason));
        Ok(None)
    }

    /// How the reading of the people ended, if they were read.
    fn people_read(&self) -> Option<Outcome> {
        let file = self.users().file;
        self.import.report.files.iter().find(|known| known.file == file).map(|known| known.outcome)
    }

    async fn guardians(&mut self, known: WhoIsWho) -> Result<(), RosterError> {
        if self.people_read().is_none_or(|outcome| outcome == Outcome::Refused) {
            return Ok(());
        }
        let layout = self.users();
        let import = &mut self.import;
        let (sender, mut batches) = mpsc::channel::<Ties>(2);
        let source = Arc::clone(&import.source);
        let reading = tokio::task::spawn_blocking(move || guardians::read(&source, layout, &known, &sender));
        while let Some(batch) = batches.recv().await {
            batch.problems.into_iter().for_each(|problem| import.report.note(problem));
            let (mut links, told): (Vec<_>, Vec<Option<Problem>>) =
                batch.links.into_iter().map(|link| (link.ids, link.unknown)).unzip();
            if links.is_empty() {
                continue;
            }
            import.part(layout, &mut links, &told, &batch.unsure).await?;
            let linked = import.ground.ledger.link_guardians(import.ground.district, &links).await;
            let unknown = linked.map_err(|cause| import.failed(layout, cause))?;
            let by_ward: HashMap<&str, &Problem> = links
                .iter()
                .zip(&told)
                .filter_map(|((ward, _), problem)| Some((ward.as_str(), problem.as_ref()?)))
                .collect();
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
            (Mode::Bulk | Mode::Delta | Mode::Unsaid, true) => return Ok(true),
            (Mode::Absent | Mode::Unsaid, false) => return Ok(false),
            (Mode::Bulk | Mode::Delta | Mode::Odd, false) => "the manifest announces it, and it is not there",
            (Mode::Absent, true) => "it is there, and the manifest says that it is absent: correct the manifest",
            (Mode::Odd, true) => "the manifest names a mode for it that is neither bulk, delta nor absent",
        })
    }
}
