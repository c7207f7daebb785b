//! The two files by which School Data Sync v1 says who is told about a pupil: addresses by pupil, and phones by address.
//! These contacts have no account; where they can be told goes in with the pupil ([`super::relatives`]).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;

use keybell_shared::notice::Contact;

use super::id_in;
use crate::code::RowCode;
use crate::contact;
use crate::error::RosterError;
use crate::report::{Effect, Outcome, Problem};
use crate::role;
use crate::run::{Accepted, Import, Nothing, Outlet, Pass, Progress, of_file, required, scan, usable};
use crate::seen::JoinKey;
use crate::source::Source;
use crate::text::{Layout, Lines, Next, Row, Table};

/// The files.
#[derive(Debug)]
pub(crate) struct GuardianFiles {
    /// Who is whose contact, by the contact's address.
    pub(crate) relations: &'static Layout,
    /// The contacts. Without it, those of `relations` are told by their addresses alone.
    pub(crate) contacts: &'static Layout,
    /// Goes before the ids of the people whose contacts they are.
    pub(crate) space: &'static str,
}

/// Everybody who is in the file of contacts.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    key: JoinKey,
    /// By address.
    all: HashMap<u128, Listed>,
}

/// A contact who is in the file.
#[derive(Debug)]
struct Listed {
    phone: Option<Box<str>>,
}

impl Contacts {
    fn find(&self, address: &str) -> Option<&Listed> {
        self.all.get(&self.key.of(&address.to_lowercase()))
    }

    fn take(&mut self, row: &Row, out: &mut Outlet<Nothing>) -> Result<(), Problem> {
        required(row, "email")?;
        if let Some(address) = usable(row, "email", contact::email, out) {
            let Entry::Vacant(place) = self.all.entry(self.key.of(&address.to_lowercase())) else {
                return Err(row.reject("email", RowCode::E04, "this address was on an earlier line"));
            };
            place.insert(Listed { phone: usable(row, "phone", contact::phone, out).map(String::into_boxed_str) });
        }
        out.unchanged();
        Ok(())
    }
}

/// What the files of guardians say, and whether it can be used.
#[derive(Debug)]
pub(super) struct Guardians {
    files: &'static GuardianFiles,
    /// `None` if there is no file of contacts.
    contacts: Option<Contacts>,
}

impl Guardians {
    /// Reads the contacts; `None` if nothing says whose they are, or the contacts could not be read.
    pub(super) async fn begin<F: Fn(Progress) + Send + Sync>(
        import: &mut Import<F>,
        files: Option<&'static GuardianFiles>,
    ) -> Result<Option<Self>, RosterError> {
        let Some(files) = files.filter(|files| import.source.has(files.relations.file)) else { return Ok(None) };
        let layout = files.contacts;
        if !import.source.has(layout.file) {
            return Ok(Some(Self { files, contacts: None }));
        }
        let read = move |source: &Source, out: &mut Outlet<Nothing>| {
            let mut contacts = Contacts::default();
            let outcome = scan(source, layout, out, |row, out| contacts.take(row, out))?;
            Ok((outcome, contacts))
        };
        let (outcome, contacts) = import.pump(layout, Pass::Judging, read).await?;
        if import.ended(layout, outcome) != Outcome::Read {
            let reason =
                format!("{} could not be read to its end, and nobody's contacts are changed by a part", layout.file);
            import.refuse(files.relations, reason);
            return Ok(None);
        }
        Ok(Some(Self { files, contacts: Some(contacts) }))
    }

    /// Reads whose contacts they are, for `each` that can be told: by the id of the person, with its space. Answers whether
    /// that was everybody. What is wrong with a row is told when it is judged.
    pub(super) fn gather(&self, source: &Source, mut each: impl FnMut(&str, Contact)) -> bool {
        let layout = self.files.relations;
        let read = source.lines(layout.file, |lines| self.rows(lines, &mut each));
        read.and_then(|read| read).unwrap_or_else(|error| {
            tracing::debug!(%error, "the first pass over the contacts ended early");
            false
        })
    }

    fn rows(&self, lines: Box<dyn Lines + '_>, each: &mut impl FnMut(&str, Contact)) -> io::Result<bool> {
        let layout = self.files.relations;
        let Ok(mut table) = Table::open(lines, layout.file.into(), layout, &[])? else { return Ok(false) };
        loop {
            match table.next()? {
                Next::Row(row) => {
                    if let Some(contact) = self.contact(row) {
                        each(&id_in(self.files.space, row.get("person")), contact);
                    }
                }
                Next::Bad(_) => {}
                Next::End => return Ok(true),
            }
            table.warnings.clear();
        }
    }

    /// Where the contact of a row can be told, if it may be.
    fn contact(&self, row: &Row) -> Option<Contact> {
        role::kin(row.get("role"))?;
        let email = contact::email(row.get("email")).ok()?;
        let sms = match &self.contacts {
            Some(contacts) => contacts.find(&email)?.phone.as_deref().map(ToOwned::to_owned),
            None => None,
        };
        Some(Contact { email: Some(email), sms })
    }

    /// Judges the rows, once it is known who went in.
    pub(super) async fn judge<F: Fn(Progress) + Send + Sync>(
        self: Arc<Self>,
        import: &mut Import<F>,
    ) -> Result<(), RosterError> {
        let layout = self.files.relations;
        let accepted = std::mem::take(&mut import.accepted);
        let read = move |source: &Source, out: &mut Outlet<Nothing>| {
            scan(source, layout, out, |row, out| self.one(row, &accepted, out))
        };
        let outcome = import.pump(layout, Pass::Judging, read).await?;
        if import.ended(layout, outcome) != Outcome::Read {
            let reason = "it could not be read to its end, so nobody's contacts are changed".to_owned();
            import.report.note(of_file(layout.file.into(), RowCode::W05, Effect::Warning, reason));
        }
        Ok(())
    }

    fn one(&self, row: &Row, accepted: &Accepted, out: &mut Outlet<Nothing>) -> Result<(), Problem> {
        let id = required(row, "person")?;
        required(row, "email")?;
        if !accepted.people.contains(&id_in(self.files.space, id)) {
            let reason = "the export has no such pupil, or their row was left out";
            return Err(row.reject("person", RowCode::E03, reason));
        }
        if role::kin(row.get("role")).is_none() {
            out.problem(row.warn("role", RowCode::W05, role::NO_GUARDIAN));
        } else if let Some(address) = usable(row, "email", contact::email, out)
            && self.contacts.as_ref().is_some_and(|contacts| contacts.find(&address).is_none())
        {
            let reason = format!("{} has no such contact, or their row was left out", self.files.contacts.file);
            return Err(row.reject("email", RowCode::E03, reason));
        }
        // What it tells has gone in with the pupil.
        out.unchanged();
        Ok(())
    }
}
