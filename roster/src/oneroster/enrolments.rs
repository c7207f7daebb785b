//! `enrollments.csv`: who is in which class.

use std::collections::HashSet;
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
        let mut pairs = HashSet::new();
        scan(source, self.layout, out, |row, out| self.enrolment(row, &mut ids, &mut pairs, out))
    }

    fn enrolment(
        &self,
        row: &Row,
        ids: &mut Seen,
        pairs: &mut HashSet<(String, String)>,
        out: &mut Outlet<Enrolment>,
    ) -> Result<(), Problem> {
        let id = if row.knows("sourcedId") { Some(required(row, "sourcedId")?) } else { None };
        let class = required(row, "classSourcedId")?.to_owned();
        let person = required(row, "userSourcedId")?.to_owned();
        let active = is_active(row)?;
        if id.is_some_and(|id| !ids.insert(id)) {
            return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
        }
        let written = row.get("role");
        let role = role::standard(written).unwrap_or_else(|| {
            out.problem(row.warn("role", RowCode::W04, "no role of OneRoster"));
            role::foreign(written)
        });
        // Somebody may be enrolled in a class twice; two such rows must not meet in one batch, where neither is first.
        if out.is_empty() {
            pairs.clear();
        }
        if !pairs.insert((class.clone(), person.clone())) {
            // A reader that nobody listens to any more ends at its next batch.
            if out.flush().is_err() {
                return Ok(());
            }
            pairs.clear();
            pairs.insert((class.clone(), person.clone()));
        }
        // A row that refers to nothing in these files may still refer to something that the ledger has.
        let doubtful = match (self.classes.contains(&class), self.people.people.contains(&person)) {
            (false, true) => "classSourcedId",
            (true | false, _) => "userSourcedId",
        };
        let role = role.to_owned();
        out.row(
            row,
            Enrolment { class, person, role, active },
            Notes { doubtful: Some(doubtful.into()), ..Notes::default() },
        );
        Ok(())
    }
}
