//! The `standard` policy: what a password given by a person must be. Generators meet it by construction.

use super::words;

/// The fewest characters, counted in code points.
pub const MIN_CHARS: usize = 8;
/// The most characters. Nothing is ever truncated.
pub const MAX_CHARS: usize = 128;

/// The rule that a password breaks. Never says what the password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Nothing but white space.
    #[error("the password is blank")]
    Blank,
    /// Too short.
    #[error("the password must have at least {MIN_CHARS} characters")]
    TooShort,
    /// Too long.
    #[error("the password must have at most {MAX_CHARS} characters")]
    TooLong,
    /// A control character.
    #[error("the password holds a control character, which cannot be typed")]
    Control,
    /// No capital letter.
    #[error("the password must have a capital letter")]
    NoCapital,
    /// No lower-case letter.
    #[error("the password must have a lower-case letter")]
    NoLowerCase,
    /// No digit.
    #[error("the password must have a digit")]
    NoDigit,
    /// One of the most common passwords, or a season or month with a year.
    #[error("the password is one of those that everybody tries first")]
    Common,
    /// Holds the username, or the name of the school or district.
    #[error("the password holds the username or the name of the school or district")]
    Personal,
}

impl PolicyError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blank => "password.blank",
            Self::TooShort => "password.too_short",
            Self::TooLong => "password.too_long",
            Self::Control => "password.control_character",
            Self::NoCapital => "password.no_capital",
            Self::NoLowerCase => "password.no_lower_case",
            Self::NoDigit => "password.no_digit",
            Self::Common => "password.common",
            Self::Personal => "password.personal",
        }
    }
}

/// The form in which passwords are hashed and checked. Passwords of plain ASCII are their own normal form.
#[must_use]
pub fn normalise(password: &str) -> zeroize::Zeroizing<String> {
    use unicode_normalization::UnicodeNormalization as _;
    zeroize::Zeroizing::new(password.nfkc().collect())
}

/// Checks a password that a person chose. `forbidden` holds the username and the names of school and district.
///
/// # Errors
/// Names the first rule that it breaks.
pub fn check(password: &str, forbidden: &[String]) -> Result<(), PolicyError> {
    let text = normalise(password);
    let chars = text.chars().count();
    let rules = [
        (text.trim().is_empty(), PolicyError::Blank),
        (chars < MIN_CHARS, PolicyError::TooShort),
        (chars > MAX_CHARS, PolicyError::TooLong),
        (text.chars().any(char::is_control), PolicyError::Control),
        (!text.chars().any(char::is_uppercase), PolicyError::NoCapital),
        (!text.chars().any(char::is_lowercase), PolicyError::NoLowerCase),
        (!text.chars().any(|c| c.is_ascii_digit()), PolicyError::NoDigit),
        (is_common(&text), PolicyError::Common),
        (is_personal(&text, forbidden), PolicyError::Personal),
    ];
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(Err(rule))).unwrap_or(Ok(()))
}

/// On the list, with or without digits and signs at its end, or a season or month with a year.
fn is_common(text: &str) -> bool {
    let folded = zeroize::Zeroizing::new(text.to_lowercase());
    let stem = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    let known = |word: &str| words::common().binary_search(&word).is_ok();
    let calendar = [
        "spring",
        "summer",
        "autumn",
        "fall",
        "winter",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "school",
        "welcome",
        "password",
        "student",
        "teacher",
    ];
    known(&folded) || known(stem) || calendar.contains(&stem)
}

/// Holds one of the names; names of fewer than four letters would forbid too much.
fn is_personal(text: &str, forbidden: &[String]) -> bool {
    let folded = zeroize::Zeroizing::new(text.to_lowercase());
    forbidden
        .iter()
        .map(|name| name.to_lowercase())
        .any(|name| name.chars().count() >= 4 && folded.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_named() {
        let names = vec!["mjones".to_owned(), "Larkspur".to_owned()];
        for (password, rule) in [
            ("        ", PolicyError::Blank),
            ("Ab1", PolicyError::TooShort),
            ("Ab1\u{7}abcdef", PolicyError::Control),
            ("otter-lamp-47", PolicyError::NoCapital),
            ("OTTER-LAMP-47", PolicyError::NoLowerCase),
            ("Otter-lamp-river", PolicyError::NoDigit),
            ("Password123", PolicyError::Common),
            ("Summer2026!", PolicyError::Common),
            ("xMjones99x", PolicyError::Personal),
            ("9Larkspur9a", PolicyError::Personal),
        ] {
            assert_eq!(check(password, &names), Err(rule), "{password}");
        }
        assert_eq!(check(&"Ab1x".repeat(40), &names), Err(PolicyError::TooLong));
        assert_eq!(check("Otter-lamp-47", &names), Ok(()));
        assert_eq!(check(&format!("Aa1{}", "é".repeat(61)), &names), Ok(()), "64 code points are never too long");
    }
}
