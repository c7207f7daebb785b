//! The header: which column is which, and what is wrong with them.

use keybell_shared::codes::Code;
use keybell_shared::upload::TITLES;

use super::error::{ColumnFault, UploadError};
use crate::source::safe;
use crate::text::{alike, letters};

/// The columns that a result has besides; nothing is said of them.
const OF_RESULTS: [&str; 4] = ["Line", "Status", "Meaning", "Detail"];

/// How many unknown columns are named.
const MAX_UNKNOWN: usize = 20;

/// The longest title that is shown, in characters.
const MAX_SHOWN: usize = 30;

/// The fewest titles that make a row a header. A row with fewer may be a person's and must not be repeated.
const MIN_KNOWN: usize = 2;

/// Where the columns are.
#[derive(Debug)]
pub(super) struct Columns {
    /// By title: the place in the file.
    pub(super) places: [usize; TITLES.len()],
    /// How many columns the header has; those at the end without a title do not count.
    pub(super) width: usize,
}

/// Whether a title is this one.
pub(super) fn is(title: &str, found: &str) -> bool {
    found.trim().to_lowercase() == title.to_lowercase()
}

/// Finds the columns; `found` are the titles of the file. Also answers what is odd and does no harm.
pub(super) fn columns(found: &[String]) -> Result<(Columns, Vec<String>), UploadError> {
    let known = |name: &String| TITLES.iter().any(|title| is(title, name));
    if found.iter().filter(|name| known(name)).count() < MIN_KNOWN {
        return Err(UploadError::NoHeader);
    }
    let unknown: Vec<(usize, &String)> =
        found.iter().enumerate().filter(|(_, name)| !known(name) && !of_results(name)).collect();
    let mut places = [None; TITLES.len()];
    let mut faults = Vec::new();
    for (title, place) in TITLES.iter().zip(&mut places) {
        let mut there = found.iter().enumerate().filter(|(_, name)| is(title, name));
        *place = there.next().map(|(at, _)| at);
        if let Some((at, second)) = there.next() {
            faults.push(ColumnFault { code: Code::E02, title, found: Some(shown(at, second)) });
        }
    }
    faults.extend(missing(&places, &unknown));
    faults.sort_by_key(|fault| TITLES.iter().position(|title| *title == fault.title));
    let all: Vec<usize> = places.iter().copied().flatten().collect();
    let Some(places) = <[usize; TITLES.len()]>::try_from(all).ok().filter(|_| faults.is_empty()) else {
        return Err(UploadError::Columns(faults));
    };
    let warnings = warnings(&places, &unknown);
    Ok((Columns { places, width: found.len() }, warnings))
}

/// Whether a title may stand for a missing one: by the number of the missing one, the title's place in the file, and the
/// title.
type Fits<'a> = &'a dyn Fn(usize, &str, usize, &str) -> bool;

/// Tells of every title that is not there, and which one stands for it: a similar one, or whichever is in its place.
fn missing(places: &[Option<usize>; TITLES.len()], unknown: &[(usize, &String)]) -> Vec<ColumnFault> {
    let same = |title: &str, name: &str| letters(title).eq(letters(name));
    let within = |title: &str, name: &str| {
        let (title, name): (String, String) = (letters(title).collect(), letters(name).collect());
        title.contains(&name) || name.contains(&title)
    };
    let place = |nth: Option<usize>| nth.and_then(|nth| places.get(nth)).copied().flatten();
    let beside = |nth: usize, at: usize| {
        at == nth
            || place(nth.checked_sub(1)).is_some_and(|before| before + 1 == at)
            || place(nth.checked_add(1)).is_some_and(|next| at + 1 == next)
    };
    let passes: [Fits<'_>; 4] = [
        &|_, title, _, name| same(title, name),
        &|_, title, _, name| alike(title, name),
        &|_, title, _, name| within(title, name),
        &|nth, _, at, _| beside(nth, at),
    ];
    let mut left: Vec<&(usize, &String)> = unknown.iter().filter(|(_, name)| letters(name).next().is_some()).collect();
    let absent = TITLES.iter().enumerate().filter(|(nth, _)| place(Some(*nth)).is_none());
    let mut absent: Vec<(usize, &'static str, Option<String>)> =
        absent.map(|(nth, title)| (nth, *title, None)).collect();
    for fits in passes {
        for (nth, title, found) in absent.iter_mut().filter(|(_, _, found)| found.is_none()) {
            if let Some(one) = left.iter().position(|(at, name)| fits(*nth, title, *at, name)) {
                let (at, name) = left.remove(one);
                *found = Some(shown(*at, name));
            }
        }
    }
    let fault = |(_, title, found): (_, _, Option<String>)| {
        let code = if found.is_some() { Code::E02 } else { Code::E01 };
        ColumnFault { code, title, found }
    };
    absent.into_iter().map(fault).collect()
}

/// What is odd and does no harm.
fn warnings(places: &[usize; TITLES.len()], unknown: &[(usize, &String)]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !places.is_sorted() {
        warnings.push("the columns are in another order than the export's; they were found by their titles".to_owned());
    }
    for (at, name) in unknown.iter().take(MAX_UNKNOWN) {
        warnings.push(if name.trim().is_empty() {
            format!("column {} has no title and is ignored", at + 1)
        } else {
            format!("the column {} is no column of an export and is ignored", shown(*at, name))
        });
    }
    if let more @ 1.. = unknown.len().saturating_sub(MAX_UNKNOWN) {
        warnings.push(format!("{more} more unknown columns are ignored"));
    }
    warnings
}

fn of_results(name: &str) -> bool {
    OF_RESULTS.iter().any(|title| is(title, name))
}

/// A title as it may be shown: words in full, and anything else by the number of its column. Somebody who pasted one row too
/// high has a password there.
fn shown(at: usize, name: &str) -> String {
    let name = safe(name);
    let name = name.trim();
    let is_plain = |c: char| c.is_alphabetic() || matches!(c, ' ' | '_');
    if !name.is_empty() && name.chars().count() <= MAX_SHOWN && name.chars().all(is_plain) {
        format!("`{name}`")
    } else {
        format!("number {}", at + 1)
    }
}
