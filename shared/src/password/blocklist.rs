//! What everybody tries first: common passwords, and seasons, months and week days with a year or other digits, in every
//! language.

use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::normal::fold;

/// All lists as one, sorted: a question costs a binary search.
static BLOCKED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut all: Vec<&str> = [
        include_str!("../../data/common-passwords.txt"),
        include_str!("../../data/calendar-en.txt"),
        include_str!("../../data/calendar-es.txt"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .filter(|line| !line.is_empty())
    .collect();
    all.sort_unstable();
    all.dedup();
    all
});

/// Whether a password is one of those that everybody tries first: on a list as it is, or with digits and signs around it
/// (`Summer2026!`, `2026-verano`), or with digits and signs for letters (`P@ssw0rd`).
#[must_use]
pub fn is_blocked(password: &str) -> bool {
    is_blocked_folded(&fold(password))
}

/// [`is_blocked`] for a password that is folded already.
pub(super) fn is_blocked_folded(folded: &str) -> bool {
    let known = |word: &str| BLOCKED.binary_search(&word).is_ok();
    let core = |text| str::trim_matches(text, |c: char| !c.is_alphabetic());
    if known(folded) || known(core(folded)) {
        return true;
    }
    if !folded.contains(is_substitute) {
        return false;
    }
    // Both readings: the digits of `p4ssw0rd12` are letters, and those at its end are not.
    let mut letters = Zeroizing::new(String::with_capacity(folded.len()));
    letters.extend(folded.trim_end_matches(|c: char| !c.is_alphabetic()).chars().map(letter));
    known(&letters) || known(core(&letters))
}

const fn is_substitute(c: char) -> bool {
    letter(c) != c
}

/// The letter that a sign is often written for.
const fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_lower_case_and_without_doubles() {
        for (name, list) in [
            ("common-passwords", include_str!("../../data/common-passwords.txt")),
            ("calendar-en", include_str!("../../data/calendar-en.txt")),
            ("calendar-es", include_str!("../../data/calendar-es.txt")),
        ] {
            let lines: Vec<&str> = list.lines().collect();
            for pair in lines.windows(2) {
                assert!(pair[0] < pair[1], "{name}: {} stands before {}", pair[0], pair[1]);
            }
            for line in lines {
                assert_eq!(line, fold(line).as_str(), "{name}: compared after folding");
            }
        }
    }

    #[test]
    fn seasons_and_months_with_a_year_are_blocked_in_every_language() {
        let words = [include_str!("../../data/calendar-en.txt"), include_str!("../../data/calendar-es.txt")];
        for word in words.into_iter().flat_map(str::lines) {
            for password in [format!("{word}2026"), format!("{word}-26!"), format!("2026{}", word.to_uppercase())] {
                assert!(is_blocked(&password), "{password}");
            }
        }
        assert!(is_blocked("Oto\u{f1}o2026") && is_blocked("Contrase\u{f1}a1"));
    }

    #[test]
    fn digits_and_signs_for_letters_hide_nothing() {
        for password in ["P@ssw0rd", "p4ssw0rd12", "$ch00l", "W3lcome!", "Qwerty123", "letMeIn!!"] {
            assert!(is_blocked(password), "{password}");
        }
        for password in ["Otter-lamp-47", "summer-lamp-26", "Verano-lamp-26", "x7Q!m2Kp9w"] {
            assert!(!is_blocked(password), "{password}");
        }
    }
}
