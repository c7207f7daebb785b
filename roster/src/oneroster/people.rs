//! `users.csv`: everybody who signs in.

use std::sync::Arc;

use keybell_shared::eligibility::Ranks;
use keybell_shared::ports::ledger::{Membership, Person};

use super::orgs::{Kind, Orgs};
use super::roles::Roles;
use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Distinct, Notes, Outlet, is_active, is_enabled, name, required, scan, usable};
use crate::source::Source;
use crate::text::{Layout, Row};

/// Reads people.
pub(super) struct People {
    /// The roster's organisations; `None` if it does not tell them all.
    pub(super) orgs: Option<Arc<Orgs>>,
    /// The roles of 1.2; `None` where `users.csv` has them itself.
    pub(super) roles: Option<Roles>,
    /// The columns of `users.csv`.
    pub(super) layout: &'static Layout,
}

/// What a person is, and where.
struct Standing {
    role: String,
    memberships: Vec<Membership>,
    kin: bool,
    role_lines: Vec<u64>,
}

impl People {
    /// Reads everybody; answers the roles that nobody took.
    pub(super) fn read(
        mut self,
        source: &Source,
        out: &mut Outlet<Person>,
    ) -> Result<(Outcome, Option<Roles>), RosterError> {
        let layout = self.layout;
        let mut distinct = Distinct::default();
        let outcome = scan(source, layout, out, |row, out| self.person(row, &mut distinct, out))?;
        Ok((outcome, self.roles))
    }

    fn person(&mut self, row: &Row, distinct: &mut Distinct, out: &mut Outlet<Person>) -> Result<(), Problem> {
        let id = required(row, "sourcedId")?;
        let username = required(row, "username")?;
        let active = is_active(row)? && is_enabled(row)?;
        let (given_name, family_name) = (name(row, "givenName")?, name(row, "familyName")?);
        distinct.check(row, ("sourcedId", id), ("username", username))?;
        let standing = match self.roles.as_mut() {
            Some(roles) => from_roles(row, id, roles, out)?,
            None => from_row(row, self.orgs.as_deref(), out)?,
        };
        distinct.take(id, username);
        let person = Person {
            source_id: id.to_owned(),
            username: username.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            rank: out.ranks().of(&standing.role),
            role: standing.role,
            grade: row.list("grades").next().map(ToOwned::to_owned),
            role_assumed: false,
            graduation_year: None,
            groups: Vec::new(),
            email: usable(row, "email", contact::email, out),
            sms: usable(row, "sms", contact::phone, out),
            managed_by: Some(row.find("metadata.identityProvider")).filter(|it| !it.is_empty()).map(ToOwned::to_owned),
            active,
            memberships: standing.memberships,
            guardians: if standing.kin { Vec::new() } else { agents(row) },
        };
        let doubtful = if self.roles.is_some() { None } else { Some("orgSourcedIds".into()) };
        let notes = Notes { doubtful, username: None, role_lines: standing.role_lines, kin: standing.kin };
        out.row(row, person, notes);
        Ok(())
    }
}

/// The ids of the people that a person names as related, each once, without the person.
pub(super) fn agents(row: &Row) -> Vec<String> {
    let mut agents: Vec<String> = Vec::new();
    if !row.has("agentSourcedIds") {
        return agents;
    }
    for agent in row.list("agentSourcedIds") {
        if agent != row.get("sourcedId") && !agents.iter().any(|known| known == agent) {
            agents.push(agent.to_owned());
        }
    }
    agents
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
        role: highest(out.ranks(), found.held.iter().map(|held| &*held.role)).to_owned(),
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
fn highest<'a>(ranks: &Ranks, roles: impl Iterator<Item = &'a str>) -> &'a str {
    roles.reduce(|best, next| ranks.higher(best, next)).unwrap_or(role::UNKNOWN)
}
