//! Checks that several files share.

use crate::code::RowCode;
use crate::report::Problem;
use crate::text::Row;

/// The longest id, username or name, in characters. Longer ones do not fit an index, and are no names.
const MAX_NAME: usize = 255;

/// The text of a column that must not be empty.
pub(super) fn required<'a>(row: &'a Row, column: &'static str) -> Result<&'a str, Problem> {
    let text = name(row, column)?;
    if text.is_empty() { Err(row.reject(column, RowCode::E12, "this must not be empty")) } else { Ok(text) }
}

/// The text of a column that may be empty and must not be endless.
pub(super) fn name<'a>(row: &'a Row, column: &'static str) -> Result<&'a str, Problem> {
    let text = row.get(column);
    if text.len() > MAX_NAME && text.chars().count() > MAX_NAME {
        return Err(row.reject(column, RowCode::E12, "this is longer than 255 characters"));
    }
    Ok(text)
}

/// What the column `status` says. Blank in bulk mode, which means active.
pub(super) fn is_active(row: &Row) -> Result<bool, Problem> {
    match row.get("status").to_ascii_lowercase().as_str() {
        "" | "active" => Ok(true),
        "tobedeleted" | "inactive" => Ok(false),
        _ => Err(row.reject("status", RowCode::E12, "the status is neither active nor tobedeleted")),
    }
}

/// What the column `enabledUser` says. Blank means enabled.
pub(super) fn is_enabled(row: &Row) -> Result<bool, Problem> {
    match row.get("enabledUser").to_ascii_lowercase().as_str() {
        "" | "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(row.reject("enabledUser", RowCode::E12, "this is neither true nor false")),
    }
}
