//! Sections, which are classes, and who is in them.

use std::borrow::Cow;

use keybell_shared::ports::ledger::{Class, Enrolment};

use super::{EnrolmentFile, Export, id_in};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::Outcome;
use crate::run::{Notes, Outlet, is_active, name, required, scan};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Layout, Row};

/// The space of the ids of teachers.
const STAFF: &str = "staff";

/// Reads the sections.
pub(super) fn read(
    source: &Source,
    layout: &'static Layout,
    schools: Option<&Seen>,
    out: &mut Outlet<Class>,
) -> Result<Outcome, RosterError> {
    let mut ids = Seen::default();
    scan(source, layout, out, |row, out| {
        let id = required(row, "id")?;
        let school = required(row, "school")?;
        let title = [row.find("name"), row.find("course"), id].into_iter().find(|title| !title.is_empty());
        let active = is_active(row)?;
        name(row, "name")?;
        if schools.is_some_and(|schools| !schools.contains(school)) {
            return Err(row.reject("school", RowCode::E03, "the export has no such school"));
        }
        if !ids.insert(id) {
            return Err(row.reject("id", RowCode::E04, "this id was on an earlier line"));
        }
        let title = title.unwrap_or(id).to_owned();
        let class = Class { source_id: id.to_owned(), school: school.to_owned(), title, active };
        out.row(row, class, Notes { doubtful: Some(row.name("school")), ..Notes::default() });
        Ok(())
    })
}

/// Reads the sections again, for their teachers.
pub(super) fn teachers(
    source: &Source,
    export: &'static Export,
    schools: Option<&Seen>,
    out: &mut Outlet<Enrolment>,
) -> Result<(), RosterError> {
    let mut ids = Seen::default();
    scan(source, export.sections, out, |row, out| {
        let class = row.get("id");
        // A row that was left out has been told; its teachers are not told again.
        let known = schools.is_none_or(|schools| schools.contains(row.get("school")));
        if class.is_empty() || !known || !ids.insert(class) {
            return Ok(());
        }
        let active = is_active(row)?;
        for column in export.teachers.iter().filter(|column| !row.find(column).is_empty()) {
            let person = id_in(STAFF, row.find(column));
            let enrolment = Enrolment { class: class.to_owned(), person, role: "teacher".to_owned(), active };
            put(row, enrolment, row.name(column), out);
        }
        Ok(())
    })?;
    Ok(())
}

/// Reads who is in which section.
pub(super) fn enrolments(
    source: &Source,
    file: &'static EnrolmentFile,
    out: &mut Outlet<Enrolment>,
) -> Result<Outcome, RosterError> {
    scan(source, file.layout, out, |row, out| {
        let class = required(row, "section")?.to_owned();
        let person = id_in(file.space, required(row, "person")?);
        let active = is_active(row)?;
        let enrolment = Enrolment { class, person, role: file.role.to_owned(), active };
        put(row, enrolment, row.name("person"), out);
        Ok(())
    })
}

fn put(row: &Row, enrolment: Enrolment, doubtful: Cow<'static, str>, out: &mut Outlet<Enrolment>) {
    out.row(row, enrolment, Notes { doubtful: Some(doubtful), ..Notes::default() });
}
