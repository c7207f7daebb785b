//! `relationships.csv` of School Data Sync v2.1: whose parents and guardians people are. It is read twice. Before the people,
//! since a contact often has no row of `roles.csv`, and only this file says what they are; and after them, when it is known
//! who went in. What stays in memory of a row is a hash and the id of the contact.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Accepted, Nothing, Outlet, required, scan};
use crate::seen::JoinKey;
use crate::source::Source;
use crate::text::{Layout, Lines, Next, Row, Table};

/// The roles of contacts, by what they are to somebody.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    key: JoinKey,
    roles: HashMap<u128, &'static str>,
    /// Those who have contacts of their own.
    wards: HashSet<u128>,
    /// Whether such a file belongs to rosters of this kind.
    expected: bool,
    /// Whether such a role may make somebody less privileged than the district knows them to be.
    allow_lower: bool,
}

impl Contacts {
    /// Of a roster that could have such a file, and has none.
    pub(super) fn absent() -> Self {
        Self { expected: true, ..Self::default() }
    }

    /// Reads the file for the first time. What is wrong with it is told when its rows are judged.
    pub(super) fn read(source: &Source, layout: &'static Layout, allow_lower: bool) -> Self {
        let mut contacts = Self { allow_lower, ..Self::absent() };
        let read = source.lines(layout.file, |lines| contacts.rows(lines, layout));
        if let Err(error) = read.and_then(|read| read) {
            tracing::debug!(%error, "the first pass over the relations ended early");
        }
        contacts
    }

    fn rows(&mut self, lines: Box<dyn Lines + '_>, layout: &'static Layout) -> io::Result<()> {
        let Ok(mut table) = Table::open(lines, layout.file.into(), layout, &[])? else { return Ok(()) };
        loop {
            match table.next()? {
                Next::Row(row) => self.row(row),
                Next::Bad(_) => {}
                Next::End => return Ok(()),
            }
            table.warnings.clear();
        }
    }

    fn row(&mut self, row: &Row) {
        if let Some(role) = role::kin(row.get("relationshipRole")) {
            let known = self.roles.entry(self.key.of(row.get("relationshipUserSourcedId"))).or_insert(role);
            // The same whatever the order of the rows: guardian, parent, relative.
            *known = role.min(*known);
            self.wards.insert(self.key.of(row.get("userSourcedId")));
        }
    }

    /// The role of a person of whom nothing else says one, and whether that makes nobody less privileged. A mere relative who
    /// has contacts of their own may be a pupil's brother whose role is missing: nothing says what they are.
    pub(super) fn role(&self, id: &str) -> Option<(&'static str, bool)> {
        let id = self.key.of(id);
        let role = self.roles.get(&id).filter(|role| **role != "relative" || !self.wards.contains(&id));
        role.map(|role| (*role, !self.allow_lower))
    }

    /// Whether somebody of whom nothing says a role may be a contact whom the district knows: they stay what they are.
    pub(super) const fn are_expected(&self) -> bool {
        self.expected
    }
}

/// All links, by person.
#[derive(Debug, Default)]
pub(super) struct Relations {
    key: JoinKey,
    all: Vec<Relation>,
    /// The ids of the contacts, one behind the other.
    ids: String,
    /// Contacts who did not go in: the district may know them, and as something else than a guardian.
    pub(super) unsure: BTreeSet<String>,
}

#[derive(Debug)]
struct Relation {
    ward: u128,
    /// Where the contact's id is in `ids`.
    start: usize,
    end: usize,
}

impl Relations {
    fn push(&mut self, ward: &str, contact: &str) {
        let start = self.ids.len();
        self.ids.push_str(contact);
        self.all.push(Relation { ward: self.key.of(ward), start, end: self.ids.len() });
    }

    /// The ids of the guardians of a person, each once, in the order of the file.
    pub(super) fn of(&self, ward: &str) -> Vec<String> {
        let ward = self.key.of(ward);
        let start = self.all.partition_point(|relation| relation.ward < ward);
        let mut guardians: Vec<String> = Vec::new();
        for relation in self.all.iter().skip(start).take_while(|relation| relation.ward == ward) {
            let id = self.ids.get(relation.start..relation.end).unwrap_or_default();
            if !guardians.iter().any(|known| known == id) {
                guardians.push(id.to_owned());
            }
        }
        guardians
    }
}

/// Reads the links of everybody who went in, and says of each row that links nobody why.
pub(super) fn read(
    source: &Source,
    layout: &'static Layout,
    accepted: &Accepted,
    out: &mut Outlet<Nothing>,
) -> Result<(Outcome, Relations), RosterError> {
    let mut relations = Relations::default();
    let outcome = scan(source, layout, out, |row, out| one(row, accepted, &mut relations, out))?;
    // Stable, so that the guardians of a person stay in the order of the file.
    relations.all.sort_by_key(|relation| relation.ward);
    Ok((outcome, relations))
}

fn one(row: &Row, accepted: &Accepted, relations: &mut Relations, out: &mut Outlet<Nothing>) -> Result<(), Problem> {
    let ward = known(row, "userSourcedId", accepted)?;
    let told = |column, reason: &'static str| row.warn(column, RowCode::W05, reason);
    let contact = match known(row, "relationshipUserSourcedId", accepted) {
        Ok(contact) => contact,
        Err(problem) => {
            let id = row.get("relationshipUserSourcedId");
            if !id.is_empty() && role::kin(row.get("relationshipRole")).is_some() && !accepted.kin.contains(ward) {
                // Their row was left out this time: whom the district knows as a guardian, stays one.
                relations.push(ward, id);
                relations.unsure.insert(id.to_owned());
            }
            return Err(problem);
        }
    };
    if role::kin(row.get("relationshipRole")).is_none() {
        out.problem(told("relationshipRole", role::NO_GUARDIAN));
    } else if !accepted.kin.contains(contact) {
        out.problem(told("relationshipUserSourcedId", super::guardians::NO_KIN));
    } else if accepted.kin.contains(ward) {
        out.problem(told("userSourcedId", "nobody is told about a guardian, parent or relative"));
    } else {
        relations.push(ward, contact);
    }
    // The links of a person go in together, when all are known.
    out.unchanged();
    Ok(())
}

/// The id of somebody who went in.
fn known<'a>(row: &'a Row, column: &'static str, accepted: &Accepted) -> Result<&'a str, Problem> {
    let id = required(row, column)?;
    if accepted.people.contains(id) {
        return Ok(id);
    }
    Err(row.reject(column, RowCode::E03, "users.csv has no such person, or their row was left out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_by_person_in_the_order_of_the_file() {
        let mut relations = Relations::default();
        for (ward, contact) in [("u1", "g2"), ("u2", "g1"), ("u1", "g1"), ("u1", "g2")] {
            relations.push(ward, contact);
        }
        relations.all.sort_by_key(|relation| relation.ward);
        assert_eq!(relations.of("u1"), ["g2", "g1"]);
        assert_eq!(relations.of("u2"), ["g1"]);
        assert_eq!(relations.of("u3"), [""; 0]);
    }
}
