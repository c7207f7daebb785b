//! The named password formats. Formats made from names, ids or birthdays do not exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;

/// The characters of [`Format::Random12`]: no look-alikes (0 O o, 1 l I i, and the like).
pub const RANDOM_ALPHABET: &str = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ23456789";

/// The shape of a generated password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Format {
    /// Two words and two digits, `otter-lamp-47`; under the `standard` policy it becomes `classic`.
    #[serde(rename = "simple")]
    Simple,
    /// Two words and two digits with a capital, `Otter-lamp-47`.
    #[serde(rename = "classic")]
    Classic,
    /// Three words, `Otter-lamp-river-4`.
    #[serde(rename = "phrase3")]
    Phrase3,
    /// Four words, 15 or more characters, `Otter-lamp-river-moss-4`.
    #[serde(rename = "phrase4")]
    Phrase4,
    /// Twelve characters without look-alikes.
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
    pub fn tier(self, grade: Option<&str>, rank: i32) -> Tier {
        if self != Self::ByGrade {
            return self;
        }
        if rank > 40 {
            return Self::Random12;
        }
        if rank > 10 {
            return Self::Phrase4;
        }
        match grade.map(str::trim).unwrap_or_default().to_ascii_uppercase().as_str() {
            "IT" | "PR" | "PK" | "TK" | "KG" | "K" | "0" | "00" | "1" | "01" | "2" | "02" => Self::Simple,
            "3" | "03" | "4" | "04" | "5" | "05" => Self::Classic,
            "6" | "06" | "7" | "07" | "8" | "08" => Self::Phrase3,
            _ => Self::Phrase4,
        }
    }

    /// The entropy in bits, computed from the actual word list; for `by-grade` that of its weakest tier.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "word lists have thousands of words, not 2^52")]
    pub fn bits(self) -> f64 {
        let word = (words::english().len() as f64).log2();
        let digits = f64::from(90_u32).log2();
        let digit = f64::from(8_u32).log2();
        match self {
            Self::Simple | Self::Classic | Self::ByGrade => 2.0 * word + digits,
            Self::Phrase3 => 3.0 * word + digit,
            Self::Phrase4 => 4.0 * word + digit,
            Self::Random12 => 12.0 * (RANDOM_ALPHABET.len() as f64).log2(),
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
            (Some("02"), 10, Format::Simple),
            (Some("4"), 10, Format::Classic),
            (Some("07"), 10, Format::Phrase3),
            (Some("12"), 10, Format::Phrase4),
            (None, 10, Format::Phrase4),
            (None, 30, Format::Phrase4),
            (None, 50, Format::Random12),
        ] {
            assert_eq!(Format::ByGrade.tier(grade, rank), tier, "{grade:?} {rank}");
        }
        assert_eq!(Format::Phrase3.tier(Some("KG"), 10), Format::Phrase3);
    }

    #[test]
    fn the_promised_entropy_is_reached() {
        assert!(Format::Classic.bits() >= 26.5);
        assert!(Format::Phrase3.bits() >= 31.0);
        assert!(Format::Phrase4.bits() >= 41.0);
        assert!(Format::Random12.bits() >= 68.0);
    }
}
