//! Contacts that Clever names beside a pupil: one in each row, and as many rows as there are contacts. Only parents and
//! guardians are told: a contact for emergencies may be a neighbour.

use std::collections::HashMap;

use keybell_shared::notice::Contact;

use crate::code::RowCode;
use crate::contact;
use crate::role;
use crate::run::{Outlet, usable};
use crate::text::Row;

/// Kinds of numbers that get text messages; a blank one may.
const MOBILE: [&str; 4] = ["", "cell", "mobile", "cell phone"];

/// The contacts of people, by the hash of each.
#[derive(Debug, Default)]
pub(super) struct Relatives {
    /// Whether a file has columns of contacts at all.
    said: bool,
    all: HashMap<u128, Vec<Contact>>,
}

impl Relatives {
    /// Takes what a row says. What is wrong with it is told when the row is judged.
    pub(super) fn gather(&mut self, person: u128, row: &Row) {
        if !(row.has("contact_email") || row.has("contact_phone")) {
            return;
        }
        self.said = true;
        if !is_kin(row) {
            return;
        }
        let checked = |text: &str, check: fn(&str) -> Result<String, contact::Unusable>| {
            Some(text).filter(|text| !text.is_empty()).and_then(|text| check(text).ok())
        };
        let sms = checked(phone(row), contact::phone);
        let found = Contact { email: checked(row.find("contact_email"), contact::email), sms };
        if found != Contact::default() {
            self.add(person, found);
        }
    }

    /// Takes a contact that a file of its own tells.
    pub(super) fn add(&mut self, person: u128, contact: Contact) {
        let contacts = self.all.entry(person).or_default();
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }

    /// Remembers that a file of contacts was read to its end: whom it does not name has none.
    pub(super) fn told(&mut self) {
        self.said = true;
    }

    /// Those of a person; `None` if no file says anything of contacts.
    pub(super) fn of(&self, person: u128) -> Option<Vec<Contact>> {
        self.said.then(|| self.all.get(&person).cloned().unwrap_or_default())
    }
}

/// Says what of a row's contact cannot be used.
pub(super) fn judge<T>(row: &Row, out: &mut Outlet<T>) {
    if row.find("contact_email").is_empty() && row.find("contact_phone").is_empty() {
        return;
    }
    if !is_kin(row) {
        out.problem(row.warn("contact_relationship", RowCode::W05, role::NO_GUARDIAN));
        return;
    }
    usable(row, "contact_email", contact::email, out);
    if !phone(row).is_empty() {
        usable(row, "contact_phone", contact::phone, out);
    }
}

/// The number, if it can get text messages.
fn phone(row: &Row) -> &str {
    let kind = row.find("contact_phone_type").to_lowercase();
    if MOBILE.contains(&kind.as_str()) { row.find("contact_phone") } else { "" }
}

/// Whether the contact is a parent or guardian: by the relationship, and where that says nothing, by the type.
fn is_kin(row: &Row) -> bool {
    let (relationship, kind) =
        (row.find("contact_relationship").to_lowercase(), row.find("contact_type").to_lowercase());
    let word = if ["", "other"].contains(&relationship.as_str()) { kind } else { relationship };
    role::kin(&word).is_some()
}
