//! What a spreadsheet program does to usernames and passwords.
//!
//! A password that was turned into something else locks its person out, so its row is refused rather than taken.

use keybell_shared::upload::TITLES;

use super::cells::{ACCOUNT, NEW_PASSWORD, NEW_USERNAME, USERNAME};
use crate::text::{Kind, damage, is_dated, is_scientific};

/// What a spreadsheet shows in place of a formula that it could not work out, and saves in CSV. Each is shorter than any
/// password that a policy takes.
const ERRORS: [&str; 8] = ["#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!", "Err:5"];

/// Of a text nobody can tell whether it was one before, so the other format is what helps.
const MADE_OF_IT: &str =
    "it looks like a number or a date that a spreadsheet program made of something else; export as XLSX and edit that";

/// Why a cell of this column cannot be taken as it stands. `typed` says whether the file keeps kinds of cells apart: then
/// text is what somebody wrote.
pub(super) fn harm(nth: usize, kind: Kind, text: &str, typed: bool) -> Option<&'static str> {
    debug_assert!(nth < TITLES.len(), "{nth} is the number of a title");
    if ![ACCOUNT, USERNAME, NEW_USERNAME, NEW_PASSWORD].contains(&nth) {
        return None;
    }
    match kind {
        Kind::Number | Kind::Padded => {
            Some("the spreadsheet program took it for a number; format the column as text and write it again")
        }
        Kind::Date => Some("the spreadsheet program took it for a date; format the column as text and write it again"),
        Kind::Truth => {
            Some("the spreadsheet program took it for a truth value; format the column as text and write it again")
        }
        Kind::Formula => Some("the cell holds a formula; format the column as text and write it again"),
        Kind::Error => Some("the cell holds an error of the spreadsheet; format the column as text and write it again"),
        Kind::Text if typed => None,
        Kind::Text if [ACCOUNT, USERNAME].contains(&nth) => damage(kind, text, true).and(Some(MADE_OF_IT)),
        Kind::Text if is_scientific(text.trim()) => {
            Some("a spreadsheet program turned it into a number in scientific notation; write it again")
        }
        Kind::Text if is_dated(text.trim()) => Some(
            "it looks like a date, which a spreadsheet program may have made of something else, and which is soon guessed; \
             choose another one",
        ),
        Kind::Text if ERRORS.iter().any(|error| text.trim() == *error || is_numbered(text, error)) => {
            Some("a spreadsheet program took it for a formula; write it again")
        }
        Kind::Text => None,
    }
}

/// LibreOffice numbers its errors: `Err:508`.
fn is_numbered(text: &str, error: &str) -> bool {
    let rest = text.trim().strip_prefix(error);
    error.ends_with('5') && rest.is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
