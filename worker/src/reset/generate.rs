//! Draws passwords from the operating system's random source.

use keybell_shared::password::{self, Format, RANDOM_ALPHABET, Tier, english};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::seq::IndexedRandom as _;
use rand::{CryptoRng, RngExt as _};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// How often a draw is repeated until it meets the policy. A draw fails by accident only: no capital among twelve random
/// characters, or a word that is part of a forbidden name.
const DRAWS: u32 = 100;

/// The characters of [`Format::Random12`] passwords.
const RANDOM_CHARS: usize = 12;

/// The fewest characters of [`Format::Phrase4`].
const PHRASE4_MIN: usize = 15;

/// Long enough for every format, so that the text never moves in memory while it grows.
const CAPACITY: usize = 64;

/// No draw met the policy. Says nothing about what was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "none of {DRAWS} draws of the format `{format}` met the policy ({rule}); look for short usernames, or names of school \
     or district, that forbid too many words"
)]
pub struct DrawError {
    format: Format,
    rule: &'static str,
}

/// Draws a password from the operating system's random source.
///
/// `forbidden` holds the words that it must not contain: username, names of school and district.
///
/// # Errors
/// When no draw meets the policy.
///
/// # Panics
/// When the operating system has no random source; nothing can go on without one.
pub fn draw(tier: Tier, forbidden: &[String]) -> Result<SecretString, DrawError> {
    draw_from(&mut UnwrapErr(SysRng), english(), tier, forbidden)
}

/// Draws until a password meets the policy.
fn draw_from<R: CryptoRng>(
    rng: &mut R,
    words: &[&str],
    tier: Tier,
    forbidden: &[String],
) -> Result<SecretString, DrawError> {
    let mut rule = "words.too_few";
    for _ in 0..DRAWS {
        let Some(text) = once(rng, words, tier) else { continue };
        match password::check(&text, forbidden) {
            Ok(()) => return Ok(SecretString::from(text.as_str())),
            Err(broken) => rule = broken.code(),
        }
    }
    Err(DrawError { format: tier, rule })
}

/// One draw; `None` when it lacks what its format promises.
fn once<R: CryptoRng>(rng: &mut R, words: &[&str], tier: Tier) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(CAPACITY));
    match tier {
        // The only policy, `standard`, wants a capital, so that `simple` becomes `classic`.
        Format::Simple | Format::Classic => {
            phrase(rng, words, 2, &mut text)?;
            push_number(rng, 10, 99, &mut text);
        }
        Format::Phrase3 => {
            phrase(rng, words, 3, &mut text)?;
            push_number(rng, 2, 9, &mut text);
        }
        // `by-grade` is resolved before; its strongest tier for people is the safe reading.
        Format::Phrase4 | Format::ByGrade => {
            phrase(rng, words, 4, &mut text)?;
            push_number(rng, 2, 9, &mut text);
            if text.len() < PHRASE4_MIN {
                return None;
            }
        }
        Format::Random12 => {
            for _ in 0..RANDOM_CHARS {
                text.push(char::from(*RANDOM_ALPHABET.as_bytes().choose(rng)?));
            }
        }
    }
    Some(text)
}

/// Appends `count` distinct words with hyphens, the first with a capital.
fn phrase<R: CryptoRng>(rng: &mut R, words: &[&str], count: usize, text: &mut String) -> Option<()> {
    let mut drawn: Vec<&str> = Vec::with_capacity(count);
    for place in 0..count {
        let word: &str = words.choose(rng)?;
        if drawn.contains(&word) {
            return None;
        }
        drawn.push(word);
        let mut letters = word.chars();
        if place == 0 {
            text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        } else {
            text.push('-');
        }
        text.push_str(letters.as_str());
    }
    Some(())
}

/// Appends a hyphen and a number of at most two digits.
fn push_number<R: CryptoRng>(rng: &mut R, low: u32, high: u32, text: &mut String) {
    let number = rng.random_range(low..=high);
    text.push('-');
    for digit in [number / 10, number % 10].into_iter().skip(usize::from(high < 10)) {
        text.extend(char::from_digit(digit, 10));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    const TIERS: [Format; 5] = [Format::Simple, Format::Classic, Format::Phrase3, Format::Phrase4, Format::Random12];

    fn drawn(tier: Format) -> String {
        draw(tier, &[]).expect("a password").expose_secret().to_owned()
    }

    /// Word counts and number ranges of the phrases.
    fn assert_shape(tier: Format, text: &str) {
        if tier == Format::Random12 {
            assert_eq!(text.len(), 12, "{text}");
            assert!(text.chars().all(|c| RANDOM_ALPHABET.contains(c)), "{text}");
            return;
        }
        let (count, numbers) = match tier {
            Format::Simple | Format::Classic => (2, 10..=99),
            Format::Phrase3 => (3, 2..=9),
            Format::Phrase4 | Format::Random12 | Format::ByGrade => (4, 2..=9),
        };
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(parts.len(), count + 1, "{text}");
        assert!(numbers.contains(&parts[count].parse::<u32>().expect("a number")), "{text}");
        let words: HashSet<String> = parts[..count].iter().map(|word| word.to_lowercase()).collect();
        assert_eq!(words.len(), count, "a word twice in {text}");
        assert!(words.iter().all(|word| english().binary_search(&word.as_str()).is_ok()), "{text}");
        assert!(text.chars().next().is_some_and(|c| c.is_ascii_uppercase()), "{text}");
        assert_eq!(text.chars().filter(char::is_ascii_uppercase).count(), 1, "{text}");
        assert!(tier != Format::Phrase4 || text.len() >= 15, "{text}");
    }

    #[test]
    fn every_tier_keeps_its_shape_and_the_policy() {
        for tier in TIERS {
            for _ in 0..300 {
                let text = drawn(tier);
                assert_shape(tier, &text);
                assert_eq!(password::check(&text, &[]), Ok(()), "{text}");
            }
        }
    }

    #[test]
    fn random_passwords_have_no_look_alikes() {
        for _ in 0..300 {
            let text = drawn(Format::Random12);
            assert!(!text.contains(['0', 'O', 'o', '1', 'l', 'I', 'i']), "{text}");
        }
    }

    #[test]
    fn draws_are_distinct() {
        let mut seen = HashSet::new();
        for _ in 0..2_000 {
            assert!(seen.insert(drawn(Format::Phrase4)), "a phrase of four words was drawn twice in 2000");
            assert!(seen.insert(drawn(Format::Random12)));
        }
    }

    #[test]
    fn numbers_and_characters_are_drawn_evenly() {
        let mut numbers: BTreeMap<String, f64> = BTreeMap::new();
        let mut chars: BTreeMap<char, f64> = BTreeMap::new();
        for _ in 0..4_500 {
            let text = drawn(Format::Classic);
            *numbers.entry(text[text.len() - 2..].to_owned()).or_default() += 1.0;
        }
        for _ in 0..2_000 {
            for c in drawn(Format::Random12).chars() {
                *chars.entry(c).or_default() += 1.0;
            }
        }
        // Degrees of freedom 89 and 52; the bounds are passed by an even source about once in 10^9 runs.
        assert!(chi_square(numbers.values(), 90.0, 4_500.0) < 185.0, "{numbers:?}");
        // Redrawing for the policy favours digits (by about a sixth), so the bound is wider than chance alone.
        assert!(chi_square(chars.values(), 53.0, 24_000.0) < 320.0, "{chars:?}");
    }

    fn chi_square<'a>(counts: impl Iterator<Item = &'a f64>, kinds: f64, total: f64) -> f64 {
        let expected = total / kinds;
        counts.map(|count| (count - expected).powi(2) / expected).sum()
    }

    #[test]
    fn words_that_hold_a_forbidden_name_are_drawn_again() {
        // Every longer word with an `e` is somebody's name.
        let forbidden: Vec<String> = english()
            .iter()
            .filter(|word| word.len() >= 4 && word.contains('e'))
            .map(|&word| word.to_owned())
            .collect();
        for tier in TIERS {
            let text = draw(tier, &forbidden).expect("enough words are left").expose_secret().to_lowercase();
            assert!(!forbidden.iter().any(|name| text.contains(name)), "{text}");
        }
    }

    #[test]
    fn an_impossible_wish_ends_with_an_error_that_names_the_rule() {
        let mut rng = UnwrapErr(SysRng);
        let few = ["otter", "lamp"];
        let forbidden = vec!["otter".to_owned()];
        let error = draw_from(&mut rng, &few, Format::Classic, &forbidden).expect_err("both words are needed");
        assert!(error.to_string().contains("password.personal"), "{error}");
        let error = draw_from(&mut rng, &few, Format::Phrase3, &[]).expect_err("two words are no phrase of three");
        assert!(error.to_string().contains("words.too_few"), "{error}");
        assert!(draw_from(&mut rng, &[], Format::Classic, &[]).is_err());
    }

    proptest! {
        #[test]
        fn no_forbidden_name_is_ever_part_of_a_password(name in "[A-Za-z]{4,12}", tier in 0_usize..5) {
            if let Ok(text) = draw(TIERS[tier], std::slice::from_ref(&name)) {
                prop_assert!(!text.expose_secret().to_lowercase().contains(&name.to_lowercase()));
            }
        }
    }
}
