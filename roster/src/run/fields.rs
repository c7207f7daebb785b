//! Checks that several files share.

use keybell_shared::fold::username_key;

use super::Outlet;
use crate::code::RowCode;
use crate::contact::Unusable;
use crate::report::Problem;
use crate::seen::Seen;
use crate::text::Row;

/// The longest id, username or name, in characters. Longer ones do not fit an index, and are no names.
const MAX_NAME: usize = 255;

/// The text of a column that must not be empty.
pub(crate) fn required<'a>(row: &'a Row, column: &'static str) -> Result<&'a str, Problem> {
    let text = name(row, column)?;
    if text.is_empty() { Err(row.reject(column, RowCode::E12, "this must not be empty")) } else { Ok(text) }
}

/// The text of a column that may be empty and must not be endless.
pub(crate) fn name<'a>(row: &'a Row, column: &'static str) -> Result<&'a str, Problem> {
    let text = row.get(column);
    if text.len() > MAX_NAME && text.chars().count() > MAX_NAME {
        return Err(row.reject(column, RowCode::E12, "this is longer than 255 characters"));
    }
    Ok(text)
}

/// What the column `status` says. Blank in bulk mode, which means active.
pub(crate) fn is_active(row: &Row) -> Result<bool, Problem> {
    match row.find("status").to_ascii_lowercase().as_str() {
        "" | "active" => Ok(true),
        "tobedeleted" | "inactive" => Ok(false),
        _ => Err(row.reject("status", RowCode::E12, "the status is neither active nor tobedeleted")),
    }
}

/// What the column `enabledUser` says. Blank means enabled.
pub(crate) fn is_enabled(row: &Row) -> Result<bool, Problem> {
    match row.find("enabledUser").to_ascii_lowercase().as_str() {
        "" | "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(row.reject("enabledUser", RowCode::E12, "this is neither true nor false")),
    }
}

/// A contact, if there is one and it can be used.
pub(crate) fn usable<T>(
    row: &Row,
    column: &'static str,
    check: fn(&str) -> Result<String, Unusable>,
    out: &mut Outlet<T>,
) -> Option<String> {
    let written = row.find(column);
    if written.is_empty() {
        return None;
    }
    let checked = check(written);
    checked.map_err(|reason| out.problem(row.warn(column, RowCode::W01, reason))).ok()
}

/// The ids and usernames of everybody so far: neither may be there twice.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    ids: Seen,
    names: Seen,
}

impl Distinct {
    /// Checks a person; `id` and `username` are told by these columns.
    pub(crate) fn check(
        &self,
        row: &Row,
        (id_column, id): (&'static str, &str),
        (name_column, username): (&'static str, &str),
    ) -> Result<(), Problem> {
        if self.ids.contains(id) {
            return Err(row.reject(id_column, RowCode::E04, "this id was on an earlier line"));
        }
        if self.names.contains(&username_key(username)) {
            return Err(row.reject(name_column, RowCode::E04, "this username was on an earlier line"));
        }
        Ok(())
    }

    /// Whether somebody of this id has been there.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Remembers a person.
    pub(crate) fn take(&mut self, id: &str, username: &str) {
        self.ids.insert(id);
        self.names.insert(&username_key(username));
    }
}
