//! A file of people.

use std::sync::Arc;

use keybell_shared::fold::username_key;
use keybell_shared::ports::ledger::{Membership, Person};

use super::places::Places;
use super::relatives;
use super::{PeopleFile, id_in};
use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::list::year;
use crate::report::{Outcome, Problem};
use crate::role::UNKNOWN;
use crate::run::{Distinct, Notes, Outlet, is_active, name, required, scan, usable};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::Row;

/// Reads a file of people.
pub(super) struct People {
    pub(super) file: &'static PeopleFile,
    /// The ids of the schools; `None` if they are not all told.
    pub(super) schools: Option<Arc<Seen>>,
    pub(super) places: Arc<Places>,
    /// Who was in this or an earlier file.
    pub(super) before: Before,
}

/// Who has been there.
#[derive(Debug, Default)]
pub(super) struct Before {
    distinct: Distinct,
    /// Ids with their usernames: a further row of the same person.
    pairs: Seen,
}

impl People {
    /// Reads everybody; answers who has been there.
    pub(super) fn read(mut self, source: &Source, out: &mut Outlet<Person>) -> Result<(Outcome, Before), RosterError> {
        let outcome = scan(source, self.file.layout, out, |row, out| self.person(row, out))?;
        Ok((outcome, self.before))
    }

    fn person(&mut self, row: &Row, out: &mut Outlet<Person>) -> Result<(), Problem> {
        let id = id_in(self.file.space, required(row, "id")?);
        let (username_column, username) = username(row)?;
        let school = required(row, "school")?;
        let (given_name, family_name) = (name(row, "given_name")?, name(row, "family_name")?);
        let active = is_active(row)?;
        // Who leaves becomes inactive, also when their school has left before them.
        if active && self.schools.as_ref().is_some_and(|schools| !schools.contains(school)) {
            return Err(row.reject("school", RowCode::E03, "the export has no such school"));
        }
        relatives::judge(row, out);
        let pair = format!("{id}\n{}", username_key(username));
        if self.before.distinct.has(&id) && self.before.pairs.contains(&pair) {
            // One more school, contact or duty: the first row has brought the person in with all schools.
            out.unchanged();
            return Ok(());
        }
        self.before.distinct.check(row, ("id", &id), (username_column, username))?;
        self.before.pairs.insert(&pair);
        self.before.distinct.take(&id, username);
        let memberships = self.memberships(&id);
        let relatives = self.places.relatives(&id).filter(|_| self.file.space == "student");
        let role =
            memberships.iter().map(|place| place.role.as_str()).reduce(|best, next| out.ranks().higher(best, next));
        let own = (self.file.role)(row.find("role"));
        // Of somebody who left, no place was gathered; what the row says of the role still holds.
        let role = role.or(own).unwrap_or(UNKNOWN).to_owned();
        if role == UNKNOWN {
            let reason = "no role that is known; the person counts as staff of the highest rank";
            out.problem(row.warn("role", RowCode::W04, reason));
        }
        let person = Person {
            source_id: id,
            username: username.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            rank: out.ranks().of(&role),
            role,
            grade: Some(row.find("grade")).filter(|grade| !grade.is_empty()).map(ToOwned::to_owned),
            role_assumed: false,
            graduation_year: year(row, "graduation_year", out),
            groups: Vec::new(),
            email: usable(row, "email", contact::email, out),
            sms: None,
            managed_by: None,
            active,
            memberships,
            guardians: Vec::new(),
            relatives,
        };
        let notes =
            Notes { doubtful: Some(row.name("school")), username: Some(row.name(username_column)), ..Notes::default() };
        out.row(row, person, notes);
        Ok(())
    }

    fn memberships(&self, id: &str) -> Vec<Membership> {
        let mut memberships: Vec<Membership> = Vec::new();
        for (school, role) in self.places.of(id) {
            let membership = Membership { school: school.to_owned(), role: role.to_owned() };
            if !memberships.contains(&membership) {
                memberships.push(membership);
            }
        }
        memberships
    }
}

/// The username; where there is none, people sign in with their address.
fn username(row: &Row) -> Result<(&'static str, &str), Problem> {
    if row.find("username").is_empty() && !row.find("email").is_empty() {
        return Ok(("email", name(row, "email")?));
    }
    Ok(("username", required(row, "username")?))
}
