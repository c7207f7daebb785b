//! What a format is made of under a policy. The recipe of a format meets the policy by construction; the drawing, the
//! examples and the entropy all follow it.

use super::format::Format;
use super::policy::PolicyName;

/// The characters of random passwords: no look-alikes (0 O o, 1 l I i, and the like).
pub const RANDOM_ALPHABET: &str = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ23456789";

/// How a password is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Of words.
    Phrase(Phrase),
    /// Of characters of [`RANDOM_ALPHABET`].
    Random {
        /// How many.
        chars: usize,
        /// Whether a capital, a lower-case letter and a digit must be among them.
        composed: bool,
    },
}

/// Words with hyphens, all different, and a number after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// How many words.
    pub words: usize,
    /// Whether the first one has a capital.
    pub capital: bool,
    /// The lowest and the highest number, if one follows the words.
    pub number: Option<(u32, u32)>,
}

/// Two digits.
const TWO: Option<(u32, u32)> = Some((10, 99));
/// Three digits.
const THREE: Option<(u32, u32)> = Some((100, 999));
/// One digit that looks like no letter.
const ONE: Option<(u32, u32)> = Some((2, 9));

const fn phrase(words: usize, capital: bool, number: Option<(u32, u32)>) -> Recipe {
    Recipe::Phrase(Phrase { words, capital, number })
}

impl Recipe {
    /// The recipe of a format under a policy. A format that could be too short for the policy gets one word more, and
    /// three digits instead of two. `by-grade` is resolved before ([`Format::tier`]); its strongest tier for people is the
    /// safe reading.
    #[must_use]
    pub const fn of(format: Format, policy: PolicyName) -> Self {
        match (policy, format) {
            (PolicyName::Standard, Format::Simple | Format::Classic) | (PolicyName::Nist8, Format::Classic) => {
                phrase(2, true, TWO)
            }
            (PolicyName::Standard, Format::Phrase3) => phrase(3, true, ONE),
            (PolicyName::Standard, Format::Phrase4 | Format::ByGrade) => phrase(4, true, ONE),
            (PolicyName::Nist8, Format::Simple) => phrase(2, false, TWO),
            (PolicyName::Nist8, Format::Phrase3) => phrase(3, false, None),
            (PolicyName::Nist15, Format::Simple) => phrase(3, false, THREE),
            (PolicyName::Nist15, Format::Classic) => phrase(3, true, THREE),
            (PolicyName::Nist8 | PolicyName::Nist15, Format::Phrase4 | Format::ByGrade)
            | (PolicyName::Nist15, Format::Phrase3) => phrase(4, false, None),
            (PolicyName::Standard, Format::Random12) => Self::Random { chars: 12, composed: true },
            (PolicyName::Nist8, Format::Random12) => Self::Random { chars: 12, composed: false },
            (PolicyName::Nist15, Format::Random12) => Self::Random { chars: 15, composed: false },
        }
    }
}

impl Phrase {
    /// Appends the phrase: words with hyphens, then the number.
    pub fn write<'a>(&self, words: impl IntoIterator<Item = &'a str>, number: u32, text: &mut String) {
        for (place, word) in words.into_iter().take(self.words).enumerate() {
            let mut letters = word.chars();
            if place > 0 {
                text.push('-');
            } else if self.capital {
                text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            }
            text.push_str(letters.as_str());
        }
        if self.number.is_some() {
            text.push('-');
            let digits = [number / 100 % 10, number / 10 % 10, number % 10];
            let leading = usize::from(number < 100) + usize::from(number < 10);
            text.extend(digits.into_iter().skip(leading).filter_map(|digit| char::from_digit(digit, 10)));
        }
    }
}
