//! `roles.csv` of OneRoster 1.2: who holds which role where. Kept in memory while `users.csv` is read, in about fifty
//! bytes a role: hashes for the users, numbers for organisations and words.

use std::collections::HashMap;
use std::sync::Arc;

use super::orgs::{Kind, Orgs};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Nothing, Outlet, is_active, required, scan};
use crate::seen::{JoinKey, Seen};
use crate::source::Source;
use crate::text::{Layout, Row};

/// A role of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The role.
    pub(super) role: Arc<str>,
    /// The school, if it is held at one.
    pub(super) school: Option<Arc<str>>,
}

/// What `roles.csv` says of a person.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Their roles, the primary ones first.
    pub(super) held: Vec<Held>,
    /// The lines of these roles.
    pub(super) lines: Vec<u64>,
    /// Whether a row of theirs was left out because of its school.
    pub(super) dangling: bool,
}

#[derive(Debug)]
struct Role {
    user: u128,
    line: u64,
    word: u32,
    /// A place in `schools`; none if the role is held at the district, or the row names no organisation.
    school: Option<u32>,
    primary: bool,
    /// The row was rejected for its school; it only says that the person has one.
    dangling: bool,
    taken: bool,
}

/// All roles, by person.
#[derive(Debug, Default)]
pub(super) struct Roles {
    key: JoinKey,
    all: Vec<Role>,
    words: Names,
    schools: Names,
}

/// Texts that repeat, by number.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    fn name(&self, number: u32) -> Option<Arc<str>> {
        self.names.get(usize::try_from(number).ok()?).cloned()
    }
}

impl Roles {
    /// Takes out what is known of a person.
    pub(super) fn take(&mut self, user: &str) -> Person {
        let user = self.key.of(user);
        let start = self.all.partition_point(|role| role.user < user);
        let mut person = Person::default();
        let (words, schools) = (&self.words, &self.schools);
        let of_user = self.all.iter_mut().skip(start).take_while(|role| role.user == user);
        for role in of_user {
            role.taken = true;
            person.dangling |= role.dangling;
            if !role.dangling {
                person.lines.push(role.line);
                let school = role.school.and_then(|school| schools.name(school));
                person.held.extend(words.name(role.word).map(|role| Held { role, school }));
            }
        }
        person
    }

    /// The lines of the roles that nobody took.
    pub(super) fn left(&self) -> Vec<u64> {
        let left = self.all.iter().filter(|role| !role.taken && !role.dangling);
        let mut lines: Vec<u64> = left.map(|role| role.line).collect();
        lines.sort_unstable();
        lines
    }
}

/// Reads all roles.
pub(super) fn read(
    source: &Source,
    orgs: Option<&Arc<Orgs>>,
    layout: &'static Layout,
    out: &mut Outlet<Nothing>,
) -> Result<(Outcome, Roles), RosterError> {
    let mut roles = Roles::default();
    let mut ids = Seen::default();
    let outcome = scan(source, layout, out, |row, out| one(row, orgs, &mut roles, &mut ids, out))?;
    // Stable, so that the roles of a kind stay in the order of the file.
    roles.all.sort_by_key(|role| (role.user, !role.primary));
    Ok((outcome, roles))
}

fn one(
    row: &Row,
    orgs: Option<&Arc<Orgs>>,
    roles: &mut Roles,
    ids: &mut Seen,
    out: &mut Outlet<Nothing>,
) -> Result<(), Problem> {
    let id = if row.knows("sourcedId") { Some(required(row, "sourcedId")?) } else { None };
    let user = roles.key.of(required(row, "userSourcedId")?);
    let active = is_active(row)?;
    if id.is_some_and(|id| !ids.insert(id)) {
        return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
    }
    if !active {
        out.inactive();
        return Ok(());
    }
    let org = row.get("orgSourcedId");
    let kind = orgs.map_or(Some(Kind::School), |orgs| orgs.kind(org));
    let written = row.get("role");
    let word = role::standard(written).unwrap_or_else(|| role::foreign(written));
    let mut role = Role {
        user,
        line: row.line,
        word: roles.words.number(word),
        school: None,
        primary: ["primary", "true", "1", "yes"].iter().any(|word| row.get("roleType").eq_ignore_ascii_case(word)),
        dangling: false,
        taken: false,
    };
    match kind {
        _ if org.is_empty() => {
            out.problem(row.warn("orgSourcedId", RowCode::W06, "no school is given; the role counts without one"));
        }
        Some(Kind::School) => role.school = Some(roles.schools.number(org)),
        Some(Kind::District) => {}
        None => {
            role.dangling = true;
            roles.all.push(role);
            return Err(row.reject("orgSourcedId", RowCode::E03, "orgs.csv has no such organisation"));
        }
    }
    if role::standard(written).is_none() {
        out.problem(row.warn("role", RowCode::W04, "no role of OneRoster; counts as staff of the highest rank"));
    }
    roles.all.push(role);
    Ok(())
}
