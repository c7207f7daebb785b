//! Lists of accounts: one file with a row for each person. Google Workspace, Moodle, and any list with a header.
//!
//! Such a list tells less than a roster. It has no file of schools: a column names them, or everybody is at the one school
//! that the district itself is. And it often does not say what a person is; then somebody must ([`roles`]).

mod google;
mod moodle;
mod plain;
mod roles;

use std::borrow::Cow;

use keybell_shared::fold::username_key;
use keybell_shared::notice::Contact;
use keybell_shared::ports::ledger::{Membership, Person, School};

pub(crate) use google::GOOGLE;
pub(crate) use moodle::MOODLE;
pub(crate) use plain::{PLAIN, field, fields};

use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::options::Options;
use crate::report::{Outcome, Problem, Report};
use crate::run::{Distinct, Import, Notes, Outlet, Pass, Progress, name, required, scan, usable};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Layout, Row};

/// The id of the school that stands for the district, where a list names no schools.
const DISTRICT_SCHOOL: &str = "district";

/// A kind of list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) layout: &'static Layout,
    /// What a row says of a person besides names and contacts.
    about: fn(&Row, &Options, &mut Outlet<Person>) -> Result<About, Problem>,
}

/// What a row says of a person.
#[derive(Debug)]
pub(super) struct About {
    pub(super) role: String,
    /// Whether somebody said the role, and not the row.
    pub(super) assumed: bool,
    /// `None` if the row names none.
    pub(super) school: Option<School>,
    pub(super) groups: Vec<String>,
    pub(super) managed_by: Option<String>,
    pub(super) active: bool,
    /// The columns that may have an address to write to, the best first; none if no mail is to be sent.
    pub(super) emails: &'static [&'static str],
    /// The same for phone numbers that can get a text message.
    pub(super) phones: &'static [&'static str],
}

/// Imports a list.
pub(crate) async fn go<F: Fn(Progress) + Send + Sync>(
    mut import: Import<F>,
    list: &'static List,
    options: Options,
) -> Result<Report, RosterError> {
    let mut reader = Reader { list, options, distinct: Distinct::default(), schools: Seen::default() };
    let read = move |source: &Source, out: &mut Outlet<Person>| -> Result<Outcome, RosterError> {
        scan(source, list.layout, out, |row, out| reader.person(row, out))
    };
    let outcome = import.pump(list.layout, Pass::Judging, read).await?;
    import.ended(list.layout, outcome);
    Ok(import.finish())
}

struct Reader {
    list: &'static List,
    options: Options,
    distinct: Distinct,
    /// The schools that were put already.
    schools: Seen,
}

impl Reader {
    fn person(&mut self, row: &Row, out: &mut Outlet<Person>) -> Result<(), Problem> {
        let username = required(row, "username")?;
        let (id_column, id) = if row.has("id") {
            ("id", Cow::Borrowed(required(row, "id")?))
        } else {
            ("username", Cow::Owned(username_key(username)))
        };
        let (given_name, family_name) = (name(row, "given_name")?, name(row, "family_name")?);
        self.distinct.check(row, (id_column, &id), ("username", username))?;
        let about = (self.list.about)(row, &self.options, out)?;
        self.distinct.take(&id, username);
        let school = self.school(about.school, out);
        let mut groups = about.groups;
        groups.sort_unstable();
        groups.dedup();
        let first = |columns: &'static [&'static str]| columns.iter().find(|column| !row.find(column).is_empty());
        let person = Person {
            source_id: id.into_owned(),
            username: username.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            rank: out.ranks().of(&about.role),
            memberships: vec![Membership { school, role: about.role.clone() }],
            role: about.role,
            role_assumed: about.assumed && !self.options.allow_lower,
            grade: Some(row.find("grade")).filter(|grade| !grade.is_empty()).map(ToOwned::to_owned),
            graduation_year: year(row, "graduation_year", out),
            groups,
            email: first(about.emails).and_then(|column| usable(row, column, contact::email, out)),
            sms: first(about.phones).and_then(|column| usable(row, column, contact::phone, out)),
            managed_by: about.managed_by,
            active: about.active,
            guardians: Vec::new(),
            relatives: relatives(row, out),
        };
        out.row(row, person, Notes { username: Some(row.name("username")), ..Notes::default() });
        Ok(())
    }

    /// The id of the school, which is on its way to the ledger.
    fn school(&mut self, named: Option<School>, out: &mut Outlet<Person>) -> String {
        let school = named.unwrap_or_else(|| School {
            source_id: DISTRICT_SCHOOL.to_owned(),
            name: self.options.school.clone().unwrap_or_else(|| "The district".to_owned()),
            active: true,
        });
        let id = school.source_id.clone();
        if self.schools.insert(&id) {
            out.school(school);
        }
        id
    }
}

/// The columns of relatives who are told: address and phone of each, in order.
const RELATIVES: [(&str, &str); 2] = [("guardian_email", "guardian_phone"), ("guardian2_email", "guardian2_phone")];

/// Where the relatives of a person can be told; `None` if the list has no such column.
fn relatives(row: &Row, out: &mut Outlet<Person>) -> Option<Vec<Contact>> {
    if !RELATIVES.iter().any(|(email, phone)| row.has(email) || row.has(phone)) {
        return None;
    }
    let mut contacts: Vec<Contact> = Vec::new();
    for (email, phone) in RELATIVES {
        let contact =
            Contact { email: usable(row, email, contact::email, out), sms: usable(row, phone, contact::phone, out) };
        if contact != Contact::default() && !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    Some(contacts)
}

/// The year in which a person leaves school. One that is none costs the year only.
pub(crate) fn year<T>(row: &Row, column: &'static str, out: &mut Outlet<T>) -> Option<i32> {
    let written = row.find(column);
    let year = written.parse().ok().filter(|year| (1900..=2200).contains(year));
    if year.is_none() && !written.is_empty() {
        out.problem(row.warn(column, RowCode::W09, "this is no year; the person went in without it"));
    }
    year
}

/// What a yes-or-no column says; blank means no.
fn is_yes(row: &Row, column: &'static str) -> Result<bool, Problem> {
    match row.find(column).to_ascii_lowercase().as_str() {
        "" | "0" | "no" | "false" => Ok(false),
        "1" | "yes" | "true" => Ok(true),
        _ => Err(row.reject(column, RowCode::E12, "this is neither 0 nor 1, yes nor no")),
    }
}
