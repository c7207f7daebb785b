//! `users.csv`: everybody who signs in.

use keybell_shared::grade;
use keybell_shared::ports::ledger::{Membership, Person, PersonChange};
use keybell_shared::standing::{RoleChange, RoleRow};

use super::orgs::{Kind, Orgs};
use super::relations::Contacts;
use super::roles::Roles;
use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::role;
use crate::run::{Distinct, Notes, Outlet, is_active, is_enabled, name, required, scan, usable};
use crate::source::Source;
use crate::text::{Layout, Row};

/// Reads people who have their role and schools in `users.csv` itself.
pub(super) fn read(
    source: &Source,
    orgs: &Orgs,
    contacts: &Contacts,
    layout: &'static Layout,
    out: &mut Outlet<Person>,
) -> Result<Outcome, RosterError> {
    let mut distinct = Distinct::default();
    scan(source, layout, out, |row, out| {
        let mut person = person(row, &distinct, out)?;
        let kin = stand(&mut person, row, (orgs, contacts), out)?;
        distinct.take(&person.source_id, &person.username);
        if !kin {
            person.guardians = agents(row);
        }
        out.row(row, person, Notes { doubtful: Some("orgSourcedIds".into()), kin, ..Notes::default() });
        Ok(())
    })
}

/// Reads people who have their roles in `roles.csv`; answers the roles that nobody took.
pub(super) fn read_apart(
    source: &Source,
    mut roles: Roles,
    contacts: &Contacts,
    layout: &'static Layout,
    out: &mut Outlet<PersonChange>,
) -> Result<(Outcome, Roles), RosterError> {
    let mut distinct = Distinct::default();
    let outcome = scan(source, layout, out, |row, out| {
        let mut person = person(row, &distinct, out)?;
        let mut found = roles.take(&person.source_id);
        // In a roster of changes the district may know other roles; and who leaves becomes inactive wherever they were.
        if found.lines.held.is_empty() && found.dangling && !roles.are_changes() && person.active {
            let reason = "all roles of this person in roles.csv are at unknown organisations";
            return Err(row.reject("sourcedId", RowCode::E03, reason));
        }
        if let Some((role, assumed)) = contacts.role(&person.source_id).filter(|_| found.held.is_empty()) {
            // A row of theirs may be missing or malformed, so that this makes nobody less than they are known to be.
            person.role_assumed = assumed;
            found.held.push(RoleRow { key: 0, role: role.to_owned(), school: None, primary: true });
        } else if found.held.is_empty() && !roles.are_changes() && !contacts.are_expected() {
            let reason = "roles.csv has no role of this person, who counts as staff of the highest rank";
            out.problem(row.warn("sourcedId", RowCode::W04, reason));
        }
        distinct.take(&person.source_id, &person.username);
        person.guardians = agents(row);
        let unsaid = found.held.is_empty() && contacts.are_expected();
        let roles = if unsaid {
            RoleChange::Some { put: Vec::new(), gone: Vec::new() }
        } else {
            roles.change(found.held, found.gone)
        };
        let change = PersonChange { source_id: person.source_id.clone(), person: Some(person), roles };
        out.row(row, change, Notes { unsaid: Some("sourcedId".into()), role_lines: found.lines, ..Notes::default() });
        Ok(())
    })?;
    Ok((outcome, roles))
}

/// A person without role and schools.
fn person<T>(row: &Row, distinct: &Distinct, out: &mut Outlet<T>) -> Result<Person, Problem> {
    let id = required(row, "sourcedId")?;
    let username = required(row, "username")?;
    let active = is_active(row)? && is_enabled(row)?;
    let (given_name, family_name) = (name(row, "givenName")?, name(row, "familyName")?);
    distinct.check(row, ("sourcedId", id), ("username", username))?;
    Ok(Person {
        source_id: id.to_owned(),
        username: username.to_owned(),
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        role: String::new(),
        rank: 0,
        role_assumed: false,
        grade: grade(row, out),
        graduation_year: None,
        groups: Vec::new(),
        email: usable(row, "email", contact::email, out),
        sms: usable(row, "sms", contact::phone, out),
        managed_by: Some(row.find("metadata.identityProvider")).filter(|it| !it.is_empty()).map(ToOwned::to_owned),
        active,
        memberships: Vec::new(),
        guardians: Vec::new(),
        relatives: None,
    })
}

/// The first grade of the list; that there are others is said.
fn grade<T>(row: &Row, out: &mut Outlet<T>) -> Option<String> {
    let mut grades = row.list("grades");
    let first = grades.next()?;
    if grades.any(|other| grade::normal(other) != grade::normal(first)) {
        out.problem(row.warn("grades", RowCode::W09, "there are several grades; only the first one counts"));
    }
    Some(first.to_owned())
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

/// What a person is by the columns `role` and `orgSourcedIds`; answers whether that is somebody's guardian.
fn stand(
    person: &mut Person,
    row: &Row,
    (orgs, contacts): (&Orgs, &Contacts),
    out: &mut Outlet<Person>,
) -> Result<bool, Problem> {
    let mut written = row.get("role");
    if let Some((role, assumed)) = contacts.role(&person.source_id).filter(|_| written.is_empty()) {
        (written, person.role_assumed) = (role, assumed);
    } else if written.is_empty() && contacts.are_expected() {
        let reason = "nothing says what this person is; whoever is known stays what they are: fill in the role";
        return Err(row.reject("role", RowCode::E14, reason));
    }
    let role = role::standard(written).unwrap_or_else(|| role::foreign(written));
    let kin = role::is_kin(role);
    let memberships = &mut person.memberships;
    let (mut known, mut unknown) = (0, 0);
    for org in row.list("orgSourcedIds") {
        match orgs.kind(org) {
            Some(Kind::School) => {
                known += 1;
                push_once(memberships, Membership { school: org.to_owned(), role: role.to_owned() });
            }
            Some(Kind::District) => known += 1,
            None => unknown += 1,
        }
    }
    // Who leaves becomes inactive, also when their school has left before them.
    if unknown > 0 && known == 0 && person.active {
        return Err(row.reject("orgSourcedIds", RowCode::E03, orgs.nowhere()));
    }
    if unknown > 0 {
        let reason = format!("{unknown} of {} organisations are not in {}", known + unknown, orgs.place());
        out.problem(row.warn("orgSourcedIds", RowCode::W06, reason));
    } else if known == 0 && !kin {
        out.problem(row.warn("orgSourcedIds", RowCode::W06, "no school is given"));
    }
    if role::standard(written).is_none() {
        let reason = "no role of OneRoster; the person counts as staff of the highest rank";
        out.problem(row.warn("role", RowCode::W04, reason));
    }
    role.clone_into(&mut person.role);
    person.rank = out.ranks().of(role);
    Ok(kin)
}

fn push_once(memberships: &mut Vec<Membership>, membership: Membership) {
    if !memberships.contains(&membership) {
        memberships.push(membership);
    }
}
