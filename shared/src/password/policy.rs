//! The policies: what a password must be. A request chooses one; everything that checks or draws for it uses that one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocklist::is_blocked_folded;
use super::names::Names;
use super::normal::{fold, is_blank, normalise};
use crate::unseen::is_never_typed;

/// The most characters that any policy allows. Nothing is ever cut off.
pub const MAX_CHARS: usize = 128;

/// The rules that passwords obey.
///
/// All count characters as code points of the normal form (NFKC), allow up to 128 of them, and refuse what everybody tries
/// first, the username, and the names of school and district.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    /// At least 8 characters, one capital, one lower-case letter, one digit; blocklist.
    #[default]
    Standard,
    /// At least 8 characters of any kind; blocklist.
    Nist8,
    /// At least 15 characters of any kind; blocklist.
    Nist15,
}

impl PolicyName {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Nist8, Self::Nist15];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Nist8 => "nist8",
            Self::Nist15 => "nist15",
        }
    }

    /// The fewest characters, counted in code points.
    #[must_use]
    pub const fn min_chars(self) -> usize {
        match self {
            Self::Standard | Self::Nist8 => 8,
            Self::Nist15 => 15,
        }
    }

    /// Whether it asks for a capital, a lower-case letter and a digit.
    #[must_use]
    pub const fn is_composed(self) -> bool {
        matches!(self, Self::Standard)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == word)
            .ok_or_else(|| "there is no such policy; use standard, nist8 or nist15".to_owned())
    }
}

/// The rule that a password breaks. Never says what the password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Nothing that can be seen.
    #[error("the password is blank")]
    Blank,
    /// Too short.
    #[error("the password must have at least {0} characters")]
    TooShort(usize),
    /// Too long.
    #[error("the password must have at most {MAX_CHARS} characters")]
    TooLong,
    /// A control character, or another one that leaves no mark.
    #[error("the password holds a character that cannot be seen, and so not be typed")]
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
            Self::TooShort(_) => "password.too_short",
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

/// Checks a password, given or drawn, against a policy and the blocklist.
///
/// # Errors
/// Names the first rule that it breaks.
pub fn check(policy: PolicyName, password: &str, names: &Names) -> Result<(), PolicyError> {
    let text = normalise(password);
    if is_blank(&text) {
        return Err(PolicyError::Blank);
    }
    let signs = Signs::of(&text);
    let least = policy.min_chars();
    let composed = policy.is_composed();
    let rules = [
        (signs.all < least, PolicyError::TooShort(least)),
        (signs.all > MAX_CHARS, PolicyError::TooLong),
        (signs.control, PolicyError::Control),
        (composed && !signs.capital, PolicyError::NoCapital),
        (composed && !signs.lower, PolicyError::NoLowerCase),
        (composed && !signs.digit, PolicyError::NoDigit),
    ];
    if let Some((_, rule)) = rules.into_iter().find(|(broken, _)| *broken) {
        return Err(rule);
    }
    let folded = fold(&text);
    if is_blocked_folded(&folded) {
        return Err(PolicyError::Common);
    }
    if names.is_in(&folded) { Err(PolicyError::Personal) } else { Ok(()) }
}

/// What a password is made of.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer to a question of its own")]
struct Signs {
    /// How many code points.
    all: usize,
    control: bool,
    capital: bool,
    lower: bool,
    digit: bool,
}

impl Signs {
    fn of(text: &str) -> Self {
        text.chars().fold(Self::default(), |signs, c| Self {
            all: signs.all + 1,
            control: signs.control || c.is_control() || is_never_typed(c),
            capital: signs.capital || c.is_uppercase(),
            lower: signs.lower || c.is_lowercase(),
            digit: signs.digit || c.is_ascii_digit(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [&str; 0] = [];

    fn free(policy: PolicyName, password: &str) -> Result<(), PolicyError> {
        check(policy, password, &Names::new(NOBODY))
    }

    #[test]
    fn every_rule_of_the_standard_policy_is_named() {
        let names = Names::new(["mjones", "Larkspur"]);
        for (password, rule) in [
            ("        ", PolicyError::Blank),
            ("Ab1", PolicyError::TooShort(8)),
            ("Ab1\u{7}abcdef", PolicyError::Control),
            ("Otter-lamp-47\u{200b}", PolicyError::Control),
            ("Otter\u{202e}lamp-47", PolicyError::Control),
            ("otter-lamp-47", PolicyError::NoCapital),
            ("OTTER-LAMP-47", PolicyError::NoLowerCase),
            ("Otter-lamp-river", PolicyError::NoDigit),
            ("Password123", PolicyError::Common),
            ("Summer2026!", PolicyError::Common),
            ("Verano2026!", PolicyError::Common),
            ("xMjones99x", PolicyError::Personal),
            ("9Larkspur9a", PolicyError::Personal),
        ] {
            assert_eq!(check(PolicyName::Standard, password, &names), Err(rule), "{password}");
        }
        assert_eq!(check(PolicyName::Standard, "Otter-lamp-47", &names), Ok(()));
    }

    #[test]
    fn the_nist_policies_ask_for_length_alone_and_for_the_blocklist() {
        for (policy, password, result) in [
            (PolicyName::Nist8, "otterlam", Ok(())),
            (PolicyName::Nist8, "otterla", Err(PolicyError::TooShort(8))),
            (PolicyName::Nist8, "        ", Err(PolicyError::Blank)),
            (PolicyName::Nist8, "password", Err(PolicyError::Common)),
            (PolicyName::Nist15, "otter lamp river", Ok(())),
            (PolicyName::Nist15, "otter lamp riv", Err(PolicyError::TooShort(15))),
            (
                PolicyName::Nist15,
                "\u{1f9a6}\u{1f4a1}\u{1f30a}\u{1f9a6}\u{1f4a1}\u{1f30a}\u{1f9a6}\u{1f4a1}\u{1f30a}\u{1f9a6}\u{1f4a1}\u{1f30a}\u{1f9a6}\u{1f4a1}\u{1f30a}",
                Ok(()),
            ),
            (PolicyName::Nist15, "contraseña12345678", Err(PolicyError::Common)),
        ] {
            assert_eq!(free(policy, password), result, "{policy} {password}");
        }
    }

    #[test]
    fn characters_are_code_points_and_64_are_never_too_many() {
        for policy in PolicyName::ALL {
            let most = format!("Aa1{}", "\u{1f9a6}".repeat(MAX_CHARS - 3));
            assert_eq!(free(policy, &most), Ok(()), "{policy}: {MAX_CHARS} code points in {} bytes", most.len());
            assert_eq!(free(policy, &format!("Aa1{}", "\u{1f9a6}".repeat(61))), Ok(()), "{policy}: 64 code points");
            assert_eq!(free(policy, &format!("{most}x")), Err(PolicyError::TooLong), "{policy}");
        }
    }

    #[test]
    fn every_spelling_of_a_password_gets_the_same_answer() {
        // Seven characters, whether the accents are signs of their own or not; full-width digits are digits.
        assert_eq!(free(PolicyName::Standard, "Caf\u{e9}-47"), Err(PolicyError::TooShort(8)));
        assert_eq!(free(PolicyName::Standard, "Cafe\u{301}-47"), Err(PolicyError::TooShort(8)));
        assert_eq!(free(PolicyName::Standard, "\u{ff2f}tter-lamp-\u{ff14}\u{ff17}"), Ok(()));
        assert_eq!(free(PolicyName::Standard, "\u{ff30}assword\u{ff11}"), Err(PolicyError::Common));
    }

    #[test]
    fn white_space_around_a_password_is_a_part_of_it() {
        assert_eq!(free(PolicyName::Nist8, " otter  "), Ok(()));
        assert_eq!(free(PolicyName::Nist8, "otter"), Err(PolicyError::TooShort(8)));
    }
}
