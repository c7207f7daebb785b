//! `roles.csv` of OneRoster 1.2: who holds which role where. Kept in memory while `users.csv` is read, in about sixty
//! bytes a role: hashes for the users and the rows, numbers for organisations and words.

use std::collections::HashMap;
use std::sync::Arc;

use keybell_shared::ports::ledger::PersonChange;
use keybell_shared::standing::{RoleChange, RoleRow, role_key};

use super::orgs::{Kind, Orgs};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Notes, Nothing, Outlet, RoleLines, is_active, required, scan};
use crate::seen::{JoinKey, Seen};
use crate::source::Source;
use crate::text::{Layout, Row};

/// What `roles.csv` says of a person.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Their roles, the primary ones first.
    pub(super) held: Vec<RoleRow>,
    /// The rows that are gone.
    pub(super) gone: Vec<u64>,
    /// The lines of these rows.
    pub(super) lines: RoleLines,
    /// Whether a row of theirs was left out because of its school.
    pub(super) dangling: bool,
}

/// What a row says of its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// The person has it.
    Held,
    /// It is gone.
    Gone,
    /// The row was rejected for its school; it only says that the person has such a role.
    Dangling,
}

#[derive(Debug)]
struct Role {
    user: u128,
    /// The row's own id, short.
    key: u64,
    line: u64,
    word: u32,
    /// A place in `schools`; none if the role is held at the district, or the row names no organisation.
    school: Option<u32>,
    primary: bool,
    said: Said,
    taken: bool,
}

/// All roles, by person.
#[derive(Debug, Default)]
pub(super) struct Roles {
    key: JoinKey,
    all: Vec<Role>,
    words: Names,
    schools: Names,
    tells: Tells,
}

/// What a `roles.csv` tells of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tells {
    /// All roles; `kept` if a file of changes may follow.
    #[default]
    All,
    /// All of them, and no file of changes ever follows.
    AllForGood,
    /// Those that changed.
    Changes,
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
    /// Of a roster of changes that has no `roles.csv`: no role changed.
    pub(super) fn unchanged() -> Self {
        Self { tells: Tells::Changes, ..Self::default() }
    }

    /// Whether these are changes, and not all roles.
    pub(super) fn are_changes(&self) -> bool {
        self.tells == Tells::Changes
    }

    /// Takes what is known of a person.
    pub(super) fn take(&mut self, user: &str) -> Person {
        let user = self.key.of(user);
        let start = self.all.partition_point(|role| role.user < user);
        let mut person = Person::default();
        let (words, schools) = (&self.words, &self.schools);
        let of_user = self.all.iter_mut().skip(start).take_while(|role| role.user == user);
        for role in of_user.filter(|role| !role.taken) {
            role.taken = true;
            person.dangling |= role.said == Said::Dangling;
            if role.said == Said::Gone {
                person.gone.push(role.key);
                person.lines.gone.push(role.line);
                continue;
            }
            if role.said == Said::Held {
                person.lines.held.push(role.line);
            }
            // A row that was left out for its school tells all the same what the person is.
            let school = role.school.and_then(|school| schools.name(school)).map(|school| school.to_string());
            let word = words.name(role.word);
            person.held.extend(word.map(|word| RoleRow {
                key: role.key,
                role: word.to_string(),
                school,
                primary: role.primary,
            }));
        }
        person
    }

    /// What is said of a person whose rows were taken.
    pub(super) fn change(&self, held: Vec<RoleRow>, gone: Vec<u64>) -> RoleChange {
        match self.tells {
            Tells::All => RoleChange::Whole { rows: held, kept: true },
            Tells::AllForGood => RoleChange::Whole { rows: held, kept: false },
            Tells::Changes => RoleChange::Some { put: held, gone },
        }
    }

    /// The lines of the roles that nobody took.
    pub(super) fn left(&self) -> Vec<u64> {
        let left = self.all.iter().filter(|role| !role.taken && role.said != Said::Dangling);
        let mut lines: Vec<u64> = left.map(|role| role.line).collect();
        lines.sort_unstable();
        lines
    }

    /// Reads the file again, for those of whom `users.csv` says nothing: only their roles changed. Answers what is left.
    pub(super) fn rest(
        mut self,
        source: &Source,
        layout: &'static Layout,
        out: &mut Outlet<PersonChange>,
    ) -> Result<Self, RosterError> {
        scan(source, layout, out, |row, out| {
            let id = row.get("userSourcedId");
            let Person { held, gone, lines, .. } = self.take(id);
            if lines.is_empty() {
                return Ok(());
            }
            let change = PersonChange { source_id: id.to_owned(), person: None, roles: self.change(held, gone) };
            out.row(
                row,
                change,
                Notes { doubtful: Some("userSourcedId".into()), role_lines: lines, ..Notes::default() },
            );
            Ok(())
        })?;
        Ok(self)
    }
}

/// Reads all roles.
pub(super) fn read(
    source: &Source,
    orgs: &Orgs,
    (layout, tells): (&'static Layout, Tells),
    out: &mut Outlet<Nothing>,
) -> Result<(Outcome, Roles), RosterError> {
    let mut roles = Roles { tells, ..Roles::default() };
    let mut ids = Seen::default();
    let outcome = scan(source, layout, out, |row, out| one(row, orgs, &mut roles, &mut ids, out))?;
    // Stable, so that the roles of a kind stay in the order of the file.
    roles.all.sort_by_key(|role| (role.user, !role.primary));
    Ok((outcome, roles))
}

fn one(row: &Row, orgs: &Orgs, roles: &mut Roles, ids: &mut Seen, out: &mut Outlet<Nothing>) -> Result<(), Problem> {
    let id = if row.knows("sourcedId") { Some(required(row, "sourcedId")?) } else { None };
    let user = roles.key.of(required(row, "userSourcedId")?);
    let active = is_active(row)?;
    if id.is_some_and(|id| !ids.insert(id)) {
        return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
    }
    let gone = !active && roles.are_changes();
    if !active && !gone {
        out.inactive();
        return Ok(());
    }
    let org = row.get("orgSourcedId");
    let kind = orgs.kind(org);
    let written = row.get("role");
    let word = role::standard(written).unwrap_or_else(|| role::foreign(written));
    let mut role = Role {
        user,
        key: id.map_or(0, role_key),
        line: row.line,
        word: roles.words.number(word),
        school: None,
        primary: ["primary", "true", "1", "yes"].iter().any(|word| row.get("roleType").eq_ignore_ascii_case(word)),
        said: if gone { Said::Gone } else { Said::Held },
        taken: false,
    };
    if gone {
        roles.all.push(role);
        return Ok(());
    }
    match kind {
        _ if org.is_empty() => {
            out.problem(row.warn("orgSourcedId", RowCode::W06, "no school is given; the role counts without one"));
        }
        Some(Kind::School) => role.school = Some(roles.schools.number(org)),
        Some(Kind::District) => {}
        None => {
            role.said = Said::Dangling;
            // Among changes, a role at a place that nobody knows makes nobody who is new somebody at no school.
            role.school = roles.are_changes().then(|| roles.schools.number(org));
            roles.all.push(role);
            return Err(row.reject("orgSourcedId", RowCode::E03, orgs.nowhere()));
        }
    }
    if role::standard(written).is_none() {
        out.problem(row.warn("role", RowCode::W04, "no role of OneRoster; counts as staff of the highest rank"));
    }
    roles.all.push(role);
    Ok(())
}
