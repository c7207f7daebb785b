//! `enrollments.csv`: who is in which class.

use std::sync::Arc;

use keybell_shared::ports::ledger::Enrolment;

use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Accepted, Notes, Outlet, is_active, required, scan};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Layout, Row};

/// Reads enrolments.
pub(super) struct Enrolments {
    /// The ids of the classes that were read.
    pub(super) classes: Arc<Seen>,
    /// The people that went in.
    pub(super) people: Arc<Accepted>,
    /// The columns of the file.
    pub(super) layout: &'static Layout,
}

impl Enrolments {
    /// Reads them all.
    pub(super) fn read(&self, source: &Source, out: &mut Outlet<Enrolment>) -> Result<Outcome, RosterError> {
        let mut ids = Seen::default();
        scan(source, self.layout, out, |row, out| self.enrolment(row, &mut ids, out))
    }

    fn enrolment(&self, row: &Row, ids: &mut Seen, out: &mut Outlet<Enrolment>) -> Result<(), Problem> {
        let id = if row.knows("sourcedId") { Some(required(row, "sourcedId")?) } else { None };
        let class = required(row, "classSourcedId")?;
        let person = required(row, "userSourcedId")?;
        let active = is_active(row)?;
        if id.is_some_and(|id| !ids.insert(id)) {
            return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
        }
        let written = row.get("role");
        let role = role::standard(written).unwrap_or_else(|| {
            out.problem(row.warn("role", RowCode::W04, "no role of OneRoster"));
            role::foreign(written)
        });
        // A row that refers to nothing in these files may still refer to something that the ledger has.
        let doubtful = match (self.classes.contains(class), self.people.people.contains(person)) {
            (false, true) => "classSourcedId",
            (true | false, _) => "userSourcedId",
        };
        let (class, person, role) = (class.to_owned(), person.to_owned(), role.to_owned());
        let notes = Notes { doubtful: Some(doubtful.into()), ..Notes::default() };
        out.row(row, Enrolment { class, person, role, active }, notes);
        Ok(())
    }
}
