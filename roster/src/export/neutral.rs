//! Texts that no spreadsheet takes for a formula.

use std::borrow::Cow;

/// What starts a formula in a spreadsheet, the full-width forms included. Tab and line ends are here because programs
/// skip them and look at what follows.
const TRIGGERS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Where a program may start a new cell in the middle of a text: at the separators of other countries, since Excel
/// splits a file at the `;` where the comma is the decimal sign, and at line ends and tabs.
const STARTS: [char; 4] = [';', '\t', '\r', '\n'];

/// The text with an apostrophe in front of whatever a spreadsheet could take for a formula, be it at the start or
/// behind a character where some program starts a new cell. Other texts stay as they are.
#[must_use]
pub fn neutral(text: &str) -> Cow<'_, str> {
    if !cells(text).any(guarded) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 4);
    for cell in cells(text) {
        if guarded(cell) {
            out.push('\'');
        }
        out.push_str(cell);
    }
    Cow::Owned(out)
}

/// The text that [`neutral`] was given.
#[must_use]
pub fn original(text: &str) -> String {
    cells(text).map(|cell| cell.strip_prefix('\'').filter(|rest| guarded(rest)).unwrap_or(cell)).collect()
}

/// Whether a spreadsheet could take a cell with this text for a formula: the first character that it does not skip
/// starts one.
#[must_use]
pub fn is_formula(text: &str) -> bool {
    text.trim_start_matches(is_skipped).starts_with(TRIGGERS)
}

/// Whether a cell gets an apostrophe: formulas, and what would look like a guarded formula, so that [`original`] knows
/// which apostrophes are ours. `'t Hooft` stays as it is.
fn guarded(cell: &str) -> bool {
    is_formula(cell.trim_start_matches('\''))
}

/// What some programs skip at the start of a cell: spaces of every width, and marks that nobody can see.
fn is_skipped(c: char) -> bool {
    (c.is_whitespace() && !TRIGGERS.contains(&c))
        || matches!(c, '\0' | '\u{FEFF}' | '\u{200B}'..='\u{200F}' | '\u{2060}')
}

/// The text cut behind every character where a program may start a new cell.
fn cells(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(STARTS)
}
