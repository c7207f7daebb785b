//! What a spreadsheet program does to ids: numbers in scientific notation, digits cut off, dates that were grades.
//!
//! A damaged id is worse than none: it may be somebody else's. So its row is left out.

use super::record::Kind;

/// The most digits that a spreadsheet keeps of a number.
const MAX_DIGITS: usize = 15;

/// Why the text of a column cannot be taken as it stands; `None` if it can. `identity` says whether it names something.
pub(crate) fn damage(kind: Kind, text: &str, identity: bool) -> Option<&'static str> {
    match kind {
        Kind::Formula => Some("the cell holds a formula; copy the column and paste it as values"),
        Kind::Error => Some("the cell holds an error of the spreadsheet"),
        Kind::Text if identity => written(text.trim()),
        Kind::Number if identity => number(text),
        Kind::Padded if identity => {
            Some("the cell is a number that the workbook shows with leading zeros; make the column text")
        }
        Kind::Date => Some("the cell is a date, which the spreadsheet made of something else"),
        Kind::Text | Kind::Number | Kind::Padded | Kind::Truth => None,
    }
}

/// A number in a cell of its own type.
fn number(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("the cell is a number with a fraction, a sign or an exponent, and no id");
    }
    (text.len() > MAX_DIGITS).then_some("the number has more than 15 digits, of which a spreadsheet keeps 15 only")
}

/// A text that a spreadsheet wrote out of a number or a date.
fn written(text: &str) -> Option<&'static str> {
    if is_scientific(text) {
        return Some("the id was turned into a number in scientific notation; export it again without a spreadsheet");
    }
    is_date(text).then_some("this is a date, which a spreadsheet made of something else")
}

/// `1.23457E+12`, as Excel writes it: digits, a point or comma, `E`, a sign, digits.
pub(crate) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    whole.len() == 1 && digits(whole) && digits(fraction) && exponent.strip_prefix('+').is_some_and(digits)
}

/// `2-Jan`, `Jan-02`: what Excel makes of `1-2`. Full dates are left alone: an id may look like one.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let Some((one, other)) = text.split_once('-') else { return false };
    let month = |word: &str| MONTHS.iter().any(|month| month.eq_ignore_ascii_case(word));
    let day = |word: &str| (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    (day(one) && month(other)) || (month(one) && day(other))
}

/// A whole date, alone or with a time: `11/22/2026`, `2026-11-22 00:00:00`, `22.11.26 8:05 PM`.
fn is_whole_date(text: &str) -> bool {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "0:00"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let short = |part: &str| part.len() <= 2 && digits(part);
    let end = |part: &str| (part.len() == 4 || part.len() <= 2) && digits(part);
    let three = |sep: char| {
        let parts: Vec<&str> = date.split(sep).collect();
        matches!(parts.as_slice(), [first, middle, last] if end(first) && short(middle) && end(last))
    };
    let time = time.trim_end_matches(['A', 'P', 'M', 'a', 'p', 'm', 'Z']).trim_end();
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts = time.split(':').count();
    let is_time = (2..=3).contains(&parts) && time.split(':').all(short) && digits(fraction);
    ['/', '-', '.'].into_iter().any(three) && is_time
}

/// Whether a text is what a spreadsheet writes for a date: a whole one, or `2-Jan`.
pub(crate) fn is_dated(text: &str) -> bool {
    is_date(text) || is_whole_date(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seen_however_they_are_written() {
        for text in [
            "2026-11-22 00:00:00",
            "2026-11-22",
            "11/22/2026",
            "22.11.26",
            "1/2/26 8:05 PM",
            "2026-11-22T00:00:00.000Z",
            "2-Jan",
        ] {
            assert!(is_dated(text), "{text}");
        }
        for text in [
            "",
            "1/2",
            "10-4",
            "2026-11",
            "12345678",
            "1/2/3/4",
            "1/2-3",
            "Otter-lamp-47",
            "2026-11-22 noon",
            "555-123-4567",
            "a/b/c",
            "::",
            "1.2.3 4",
        ] {
            assert!(!is_dated(text), "{text}");
        }
    }

    #[test]
    fn what_a_spreadsheet_did_to_ids_is_seen() {
        for text in ["1.23457E+12", "1,2E+15", "2E+05", "2-Jan", "Jan-02", "12-Sep"] {
            assert!(damage(Kind::Text, text, true).is_some(), "{text}");
            assert!(damage(Kind::Text, text, false).is_none(), "{text}");
        }
        for text in ["", "E12", "1E5", "12E+3", "10-4", "jan-smith", "2026-01-02", "a.b", "may-lee", "00123"] {
            assert!(damage(Kind::Text, text, true).is_none(), "{text}");
        }
        for text in ["1.5", "-3", "1e300", "1234567890123456"] {
            assert!(damage(Kind::Number, text, true).is_some(), "{text}");
        }
        assert_eq!(damage(Kind::Number, "123456789012345", true), None);
        assert!(damage(Kind::Date, "45000", true).is_some() && damage(Kind::Padded, "7", true).is_some());
        assert!(damage(Kind::Formula, "x", false).is_some() && damage(Kind::Error, "", false).is_some());
    }
}
