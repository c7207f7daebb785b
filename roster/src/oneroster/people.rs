//! `users.csv`: everybody who signs in.

use std::sync::Arc;

use keybell_shared::eligibility;
use keybell_shared::ports::ledger::{Membership, Person};

use super::fields::{is_active, is_enabled, name, required};
use super::layouts::{USERS, USERS_WITH_ROLE};
use super::orgs::{Kind, Orgs};
use super::roles::Roles;
use super::stream::{Notes, Outlet, scan};
use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Layout, Row};

/// Reads people.
pub(super) struct People {
    /// The roster's organisations; `None` if it does not tell them all.
    pub(super) orgs: Option<Arc<Orgs>>,
    /// The roles of 1.2; `None` where `users.csv` has them itself.
    pub(super) roles: Option<Roles>,
}

/// What a person is, and where.
struct Standing {
    role: String,
    memberships: Vec<Membership>,
    kin: bool,
    role_lines: Vec<u64>,
}

/// The layout of `users.csv`, which depends on where the roles are.
pub(super) fn layout(roles_apart: bool) -> &'static Layout {
    if roles_apart { &USERS } else { &USERS_WITH_ROLE }
}

impl People {
    /// Reads everybody; answers the roles that nobody took.
    pub(super) fn read(
        mut self,
        source: &Source,
        out: &mut Outlet<Person>,
    ) -> Result<(Outcome, Option<Roles>), RosterError> {
        let layout = layout(self.roles.is_some());
        let (mut ids, mut names) = (Seen::default(), Seen::default());
        let outcome = scan(source, layout, out, |row, out| self.person(row, &mut ids, &mut names, out))?;
        Ok((outcome, self.roles))
    }

    fn person(&mut self, row: &Row, ids: &mut Seen, names: &mut Seen, out: &mut Outlet<Person>) -> Result<(), Problem> {
        let id = required(row, "sourcedId")?;
        let username = required(row, "username")?;
        let active = is_active(row)? && is_enabled(row)?;
        let (given_name, family_name) = (name(row, "givenName")?, name(row, "familyName")?);
        if ids.contains(id) {
            return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
        }
        let username_key = username.to_lowercase();
        if names.contains(&username_key) {
            return Err(row.reject("username", RowCode::E04, "this username was on an earlier line"));
        }
        let standing = match self.roles.as_mut() {
            Some(roles) => from_roles(row, id, roles, out)?,
            None => from_row(row, self.orgs.as_deref(), out)?,
        };
        ids.insert(id);
        names.insert(&username_key);
        let person = Person {
            source_id: id.to_owned(),
            username: username.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            rank: eligibility::rank(&standing.role),
            role: standing.role,
            grade: row.list("grades").next().map(ToOwned::to_owned),
            email: usable(row, "email", contact::email, out),
            sms: usable(row, "sms", contact::phone, out),
            managed_by: Some(row.get("metadata.identityProvider")).filter(|it| !it.is_empty()).map(ToOwned::to_owned),
            active,
            memberships: standing.memberships,
            guardians: if standing.kin { Vec::new() } else { agents(row) },
        };
        let doubtful = if self.roles.is_some() { None } else { Some("orgSourcedIds") };
        out.row(row, person, Notes { doubtful, role_lines: standing.role_lines, kin: standing.kin });
        Ok(())
    }
}

/// The ids of the people that a person names as related, each once, without the person.
pub(super) fn agents(row: &Row) -> Vec<String> {
    let mut agents: Vec<String> = Vec::new();
    for agent in row.list("agentSourcedIds") {
        if agent != row.get("sourcedId") && !agents.iter().any(|known| known == agent) {
            agents.push(agent.to_owned());
        }
    }
    agents
}

/// A contact, if there is one and it can be used.
fn usable(
    row: &Row,
    column: &'static str,
    check: fn(&str) -> Result<String, contact::Unusable>,
    out: &mut Outlet<Person>,
) -> Option<String> {
    let written = row.get(column);
    if written.is_empty() {
        return None;
    }
    let checked = check(written);
    checked.map_err(|reason| out.problem(row.warn(column, RowCode::W01, reason))).ok()
}

/// The standing by `roles.csv`.
fn from_roles(row: &Row, id: &str, roles: &mut Roles, out: &mut Outlet<Person>) -> Result<Standing, Problem> {
    let found = roles.take(id);
    if found.held.is_empty() {
        if found.dangling {
            let reason = "all roles of this person in roles.csv are at unknown organisations";
            return Err(row.reject("sourcedId", RowCode::E03, reason));
        }
        let reason = "roles.csv has no role of this person, who counts as staff of the highest rank";
        out.problem(row.warn("sourcedId", RowCode::W04, reason));
    }
    let mut memberships: Vec<Membership> = Vec::new();
    for held in &found.held {
        let membership = held.school.as_ref().map(|school| (school.to_string(), held.role.to_string()));
        if let Some((school, role)) = membership {
            push_once(&mut memberships, Membership { school, role });
        }
    }
    Ok(Standing {
        role: highest(found.held.iter().map(|held| &*held.role)).to_owned(),
        memberships,
        kin: found.held.iter().any(|held| role::is_kin(&held.role)),
        role_lines: found.lines,
    })
}

/// The standing by the columns `role` and `orgSourcedIds`.
fn from_row(row: &Row, orgs: Option<&Orgs>, out: &mut Outlet<Person>) -> Result<Standing, Problem> {
    let written = row.get("role");
    let role = role::standard(written).unwrap_or_else(|| role::foreign(written));
    let kin = role::is_kin(role);
    let mut memberships = Vec::new();
    let (mut known, mut unknown) = (0, 0);
    for org in row.list("orgSourcedIds") {
        match orgs.map_or(Some(Kind::School), |orgs| orgs.kind(org)) {
            Some(Kind::School) => {
                known += 1;
                push_once(&mut memberships, Membership { school: org.to_owned(), role: role.to_owned() });
            }
            Some(Kind::District) => known += 1,
            None => unknown += 1,
        }
    }
    if unknown > 0 && known == 0 {
        return Err(row.reject("orgSourcedIds", RowCode::E03, "orgs.csv has no such organisation"));
    }
    if unknown > 0 {
        let reason = format!("{unknown} of {} organisations are not in orgs.csv", known + unknown);
        out.problem(row.warn("orgSourcedIds", RowCode::W06, reason));
    } else if known == 0 && !kin {
        out.problem(row.warn("orgSourcedIds", RowCode::W06, "no school is given"));
    }
    if role::standard(written).is_none() {
        let reason = "no role of OneRoster; the person counts as staff of the highest rank";
        out.problem(row.warn("role", RowCode::W04, reason));
    }
    Ok(Standing { role: role.to_owned(), memberships, kin, role_lines: Vec::new() })
}

fn push_once(memberships: &mut Vec<Membership>, membership: Membership) {
    if !memberships.contains(&membership) {
        memberships.push(membership);
    }
}

/// The most privileged role; among equals, the first.
fn highest<'a>(roles: impl Iterator<Item = &'a str>) -> &'a str {
    let higher = |best: &'a str, next: &'a str| {
        if eligibility::rank(next) > eligibility::rank(best) { next } else { best }
    };
    roles.reduce(higher).unwrap_or(role::UNKNOWN)
}
