//! The named password formats. Formats made from names, ids or birthdays do not exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::grade;

/// The shape of a generated password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Format {
    /// Two words and two digits, `otter-lamp-47`; under the `standard` policy it becomes `classic`. Under `nist15`, as
    /// `classic`: three words and three digits.
    #[serde(rename = "simple")]
    Simple,
    /// Two words and two digits with a capital, `Otter-lamp-47`.
    #[serde(rename = "classic")]
    Classic,
    /// Three words, `Otter-lamp-river-4`; capital and digit where the policy asks for them. Under `nist15`, four words.
    #[serde(rename = "phrase3")]
    Phrase3,
    /// Four words, 15 or more characters, `Otter-lamp-river-moss-4`; capital and digit where the policy asks for them.
    #[serde(rename = "phrase4")]
    Phrase4,
    /// Twelve characters without look-alikes; under `nist15`, fifteen.
    #[serde(rename = "random12")]
    Random12,
    /// By the account's grade or role.
    #[default]
    #[serde(rename = "by-grade")]
    ByGrade,
}

/// The format that an account of a grade or rank gets under `by-grade`.
pub type Tier = Format;

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] =
        [Self::Simple, Self::Classic, Self::Phrase3, Self::Phrase4, Self::Random12, Self::ByGrade];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Classic => "classic",
            Self::Phrase3 => "phrase3",
            Self::Phrase4 => "phrase4",
            Self::Random12 => "random12",
            Self::ByGrade => "by-grade",
        }
    }

    /// What is meant for this account: `by-grade` becomes the tier of the grade, or of the rank for people without
    /// one. PK–2 simple, 3–5 classic, 6–8 three words, 9–12 and staff four words.
    #[must_use]
    pub fn tier(self, written: Option<&str>, rank: i32) -> Tier {
        if self != Self::ByGrade {
            return self;
        }
        if rank > 40 {
            return Self::Random12;
        }
        if rank > 10 {
            return Self::Phrase4;
        }
        match grade::normal(written.unwrap_or_default()).as_str() {
            "IT" | "PR" | "PK" | "TK" | "KG" | "01" | "02" => Self::Simple,
            "03" | "04" | "05" => Self::Classic,
            "06" | "07" | "08" => Self::Phrase3,
            _ => Self::Phrase4,
        }
    }

    /// Whom the format is meant for.
    #[must_use]
    pub const fn meant_for(self) -> &'static str {
        match self {
            Self::Simple => "PK–2",
            Self::Classic => "3–5",
            Self::Phrase3 => "6–8",
            Self::Phrase4 => "9–12, staff",
            Self::Random12 => "applications, administrators",
            Self::ByGrade => "everybody: the tier of the grade or role",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == word).ok_or_else(|| {
            format!("`{word}` is no format; use simple, classic, phrase3, phrase4, random12 or by-grade")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_lead_to_their_tiers() {
        for (grade, rank, tier) in [
            (Some("KG"), 10, Format::Simple),
            (Some("Kindergarten"), 10, Format::Simple),
            (Some("TK"), 10, Format::Simple),
            (Some("1st"), 10, Format::Simple),
            (Some("Grade 7"), 10, Format::Phrase3),
            (Some("UG"), 10, Format::Phrase4),
            (Some("02"), 10, Format::Simple),
            (Some("4"), 10, Format::Classic),
            (Some("07"), 10, Format::Phrase3),
            (Some("PK"), 10, Format::Simple),
            (Some("03"), 10, Format::Classic),
            (Some("5"), 10, Format::Classic),
            (Some("6"), 10, Format::Phrase3),
            (Some("08"), 10, Format::Phrase3),
            (Some("09"), 10, Format::Phrase4),
            (Some("12"), 10, Format::Phrase4),
            (None, 10, Format::Phrase4),
            // Staff have theirs, whatever grade they teach; principals are staff, administrators are more.
            (None, 30, Format::Phrase4),
            (Some("02"), 30, Format::Phrase4),
            (None, 40, Format::Phrase4),
            (None, 50, Format::Random12),
            (Some("KG"), 60, Format::Random12),
        ] {
            assert_eq!(Format::ByGrade.tier(grade, rank), tier, "{grade:?} {rank}");
        }
        assert_eq!(Format::Phrase3.tier(Some("KG"), 10), Format::Phrase3);
    }
}
