//! Exports with one file for each kind of people: Clever, and School Data Sync v1.
//!
//! The way of an import: schools → sections → people, file by file, the most privileged first → sections again, for their
//! teachers → enrolments. Contacts of pupils that have files of their own ([`guardians`]) are read before the people, with
//! whom they go in, and judged after them. Somebody may have several rows, one for each school; the first pass over a file gathers them
//! ([`places`]), so that the person goes in once, with all schools.

mod clever;
mod guardians;
mod people;
mod places;
mod relatives;
mod school_data_sync;
mod sections;

use std::sync::Arc;

use keybell_shared::ports::ledger::School;

pub(crate) use clever::CLEVER;
pub(crate) use school_data_sync::SCHOOL_DATA_SYNC_V1;

use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem, Report};
use crate::run::{Import, Notes, Outlet, Pass, Progress, is_active, name, required, scan};
use crate::seen::Seen;
use crate::source::{Source, safe};
use crate::text::{Layout, Row};
use guardians::{GuardianFiles, Guardians};
use people::{Before, People};
use places::Places;

/// The files of an export.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) schools: &'static Layout,
    pub(crate) sections: &'static Layout,
    /// The columns of `sections` that name its teachers.
    pub(crate) teachers: &'static [&'static str],
    /// The most privileged first: of two rows with one username the first counts.
    pub(crate) people: &'static [PeopleFile],
    pub(crate) enrolments: &'static [EnrolmentFile],
    /// The files of those who are told about pupils, if they have some of their own.
    pub(crate) guardians: Option<&'static GuardianFiles>,
}

/// A file of people.
#[derive(Debug)]
pub(crate) struct PeopleFile {
    pub(crate) layout: &'static Layout,
    /// Goes before ids, since files of different kinds may use the same id for different people. Teachers and other staff
    /// share one: who is both has one id.
    pub(crate) space: &'static str,
    /// The role of a row, by the words of its column `role` if there is one.
    pub(crate) role: fn(&str) -> Option<&'static str>,
}

/// A file that says who is in which section.
#[derive(Debug)]
pub(crate) struct EnrolmentFile {
    pub(crate) layout: &'static Layout,
    pub(crate) space: &'static str,
    pub(crate) role: &'static str,
}

impl Export {
    /// All files that are read, in the order of reading.
    pub(crate) fn layouts(&self, source: &Source) -> Vec<&'static Layout> {
        let people = self.people.iter().map(|file| file.layout);
        let enrolments = self.enrolments.iter().map(|file| file.layout);
        // Contacts of whom nothing says whose they are tell nobody anything.
        let guardians = self.guardians.filter(|files| source.has(files.relations.file));
        let (contacts, relations) = (guardians.map(|files| files.contacts), guardians.map(|files| files.relations));
        let before = [self.schools, self.sections].into_iter().chain(contacts);
        before.chain(people).chain(relations).chain(enrolments).collect()
    }
}

/// Imports an export.
pub(crate) async fn go<F: Fn(Progress) + Send + Sync>(
    mut import: Import<F>,
    export: &'static Export,
) -> Result<Report, RosterError> {
    let source = Arc::clone(&import.source);
    import.report.not_needed = others(&source, export);
    for file in import.report.not_needed.clone() {
        import.guardians_left_out(&file);
    }
    if !export.people.iter().any(|file| source.has(file.layout.file)) {
        return Err(RosterError::NoUsers);
    }
    let schools = match schools(&mut import, export.schools).await? {
        Some(told) => Some(told),
        None => known(&mut import, export.schools).await?,
    };
    let schools = schools.map(Arc::new);
    let has_sections = source.has(export.sections.file);
    if has_sections {
        let known = schools.clone();
        let read = move |source: &Source, out: &mut _| sections::read(source, export.sections, known.as_deref(), out);
        let outcome = import.pump(export.sections, Pass::Judging, read).await?;
        import.ended(export.sections, outcome);
    }
    people(&mut import, export, schools.clone()).await?;
    if has_sections && !export.teachers.is_empty() {
        let read = move |source: &Source, out: &mut _| sections::teachers(source, export, schools.as_deref(), out);
        import.pump(export.sections, Pass::Again, read).await?;
    }
    for file in export.enrolments.iter().filter(|file| source.has(file.layout.file)) {
        let read = move |source: &Source, out: &mut _| sections::enrolments(source, file, out);
        let outcome = import.pump(file.layout, Pass::Judging, read).await?;
        import.ended(file.layout, outcome);
    }
    Ok(import.finish())
}

/// The files that are there and not read.
fn others(source: &Source, export: &Export) -> Vec<String> {
    let layouts = export.layouts(source);
    let is_read = |name: &str| layouts.iter().any(|layout| layout.file.eq_ignore_ascii_case(name));
    source.names().iter().filter(|name| !is_read(name)).map(|name| safe(name)).collect()
}

/// Reads everybody: once for the places of each person, and once for the people.
async fn people<F: Fn(Progress) + Send + Sync>(
    import: &mut Import<F>,
    export: &'static Export,
    schools: Option<Arc<Seen>>,
) -> Result<(), RosterError> {
    let source = Arc::clone(&import.source);
    let files = || export.people.iter().filter(|file| source.has(file.layout.file));
    let mut places = Places::default();
    for file in files() {
        places = gather(Arc::clone(&source), file, places, schools.clone()).await?;
    }
    let guardians = Guardians::begin(import, export.guardians).await?;
    let guardians = guardians.map(Arc::new);
    if let Some(guardians) = guardians.clone() {
        let source = Arc::clone(&source);
        let reading = tokio::task::spawn_blocking(move || {
            places.gather_guardians(&source, &guardians);
            places
        });
        places = reading.await.map_err(|_| RosterError::Stopped)?;
    }
    places.sort();
    let places = Arc::new(places);
    let mut before = Before::default();
    for file in files() {
        let people = People { file, schools: schools.clone(), places: Arc::clone(&places), before };
        let read = move |source: &Source, out: &mut _| people.read(source, out);
        let (outcome, seen) = import.pump(file.layout, Pass::Judging, read).await?;
        import.ended(file.layout, outcome);
        before = seen;
    }
    if let Some(guardians) = guardians {
        guardians.judge(import).await?;
    }
    Ok(())
}

/// Reads the schools; answers their ids, unless the file could not be read to its end.
async fn schools<F: Fn(Progress) + Send + Sync>(
    import: &mut Import<F>,
    layout: &'static Layout,
) -> Result<Option<Seen>, RosterError> {
    if !import.source.has(layout.file) {
        import.refuse(
            layout,
            "it is not there, and the people are at its schools: ask for the complete export".to_owned(),
        );
        return Ok(None);
    }
    let read = move |source: &Source, out: &mut Outlet<School>| {
        let mut ids = Seen::default();
        let outcome = scan(source, layout, out, |row, out| school(row, &mut ids, out))?;
        Ok((outcome, ids))
    };
    let (outcome, ids) = import.pump(layout, Pass::Judging, read).await?;
    Ok((import.ended(layout, outcome) == Outcome::Read).then_some(ids))
}

/// The schools that the district has: where not all are told, it is the one to know. Nobody, if there is none to ask.
async fn known<F: Fn(Progress) + Send + Sync>(
    import: &mut Import<F>,
    layout: &'static Layout,
) -> Result<Option<Seen>, RosterError> {
    let schools = import.ground.ledger.schools(import.ground.district).await;
    let schools = schools.map_err(|cause| import.failed(layout, cause))?;
    Ok(schools.map(|schools| {
        let mut seen = Seen::default();
        for school in schools {
            seen.insert(&school);
        }
        seen
    }))
}

fn school(row: &Row, ids: &mut Seen, out: &mut Outlet<School>) -> Result<(), Problem> {
    let id = required(row, "id")?;
    let school = School { source_id: id.to_owned(), name: name(row, "name")?.to_owned(), active: is_active(row)? };
    if !ids.insert(id) {
        return Err(row.reject("id", RowCode::E04, "this id was on an earlier line"));
    }
    out.row(row, school, Notes::default());
    Ok(())
}

/// Gathers the schools of everybody in a file.
async fn gather(
    source: Arc<Source>,
    file: &'static PeopleFile,
    mut places: Places,
    schools: Option<Arc<Seen>>,
) -> Result<Places, RosterError> {
    let reading = tokio::task::spawn_blocking(move || {
        places.gather(&source, file, schools.as_deref());
        places
    });
    reading.await.map_err(|_| RosterError::Stopped)
}

/// The id of a person, in a space of its own.
pub(super) fn id_in(space: &str, id: &str) -> String {
    format!("{space}:{id}")
}
