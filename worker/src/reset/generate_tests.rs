//! A million draws of every format: shape, policy, blocklist, and how evenly they are drawn.

use std::collections::{BTreeMap, HashSet};

use keybell_shared::password::is_blocked;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const FORMATS: [Format; 5] = [Format::Simple, Format::Classic, Format::Phrase3, Format::Phrase4, Format::Random12];

/// How often each format is drawn under each policy in each language: together a million for each format, and with an
/// optimised program a million under each policy.
const EACH: u32 = if cfg!(debug_assertions) { 1_000_000 / 6 + 1 } else { 1_000_000 / 2 };

fn nobody() -> Names {
    Names::default()
}

/// Every format under every policy in every language.
fn wishes() -> impl Iterator<Item = Wish> {
    FORMATS.into_iter().flat_map(|format| {
        PolicyName::ALL
            .into_iter()
            .flat_map(move |policy| Language::ALL.into_iter().map(move |language| Wish { format, policy, language }))
    })
}

fn drawn(wish: Wish) -> String {
    draw(wish, &nobody()).expect("a password").expose_secret().to_owned()
}

/// The password that an account in a grade without names would get.
fn english(format: Format, policy: PolicyName) -> Wish {
    Wish { format, policy, language: Language::En }
}

/// What was drawn how often, and what is expected by chance.
#[derive(Default)]
struct Tally {
    /// By place and word.
    words: BTreeMap<usize, Vec<u32>>,
    numbers: BTreeMap<u32, u32>,
    characters: BTreeMap<char, u32>,
}

impl Tally {
    /// Checks the shape of one password and counts what it is made of.
    fn count(&mut self, wish: Wish, text: &str) {
        match Recipe::of(wish.format, wish.policy) {
            Recipe::Random { chars, .. } => {
                assert_eq!(text.len(), chars, "{text}");
                for c in text.chars() {
                    assert!(RANDOM_ALPHABET.contains(c), "{text}");
                    *self.characters.entry(c).or_default() += 1;
                }
            }
            Recipe::Phrase(phrase) => self.phrase(wish, phrase, text),
        }
    }

    fn phrase(&mut self, wish: Wish, phrase: Phrase, text: &str) {
        let list = wish.language.words();
        assert_eq!(phrase.capital, text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
        assert!(text[1..].bytes().all(|byte| !byte.is_ascii_uppercase()), "{text}");
        let mut parts = text.split('-');
        let mut before: Vec<usize> = Vec::with_capacity(phrase.words);
        for (place, word) in parts.by_ref().take(phrase.words).enumerate() {
            let lower = word.to_ascii_lowercase();
            let at = list.words().binary_search(&lower.as_str()).unwrap_or_else(|_| panic!("no word: {text}"));
            assert!(!before.contains(&at), "a word twice in {text}");
            assert!(before.last().is_none_or(|last| list.may_follow(*last, at)), "{text}");
            before.push(at);
            self.words.entry(place).or_insert_with(|| vec![0; list.words().len()])[at] += 1;
        }
        assert_eq!(before.len(), phrase.words, "{text}");
        match phrase.number {
            Some((low, high)) => {
                let number = parts.next().and_then(|number| number.parse().ok()).expect("a number");
                assert!((low..=high).contains(&number), "{text}");
                *self.numbers.entry(number).or_default() += 1;
            }
            None => assert!(!text.contains(|c: char| c.is_ascii_digit()), "{text}"),
        }
        assert!(parts.next().is_none(), "{text}");
        assert!(wish.format != Format::Phrase4 || text.len() >= 15, "{text}");
    }

    fn assert_even(&self, wish: Wish) {
        let words = wish.language.words().words().len();
        let barred = if self.words.is_empty() { Vec::new() } else { barred(wish.language.words()) };
        for (place, counts) in &self.words {
            let expected = shares(words, &barred, self.words.len(), *place);
            assert_chance(&format!("{wish:?}, word {place}"), counts, &expected);
        }
        if let Recipe::Phrase(Phrase { number: Some((low, high)), .. }) = Recipe::of(wish.format, wish.policy) {
            let counts: Vec<u32> = (low..=high).map(|number| self.numbers.get(&number).copied().unwrap_or(0)).collect();
            assert_chance(&format!("{wish:?}, numbers"), &counts, &vec![1.0; counts.len()]);
        }
        if self.characters.is_empty() {
            return;
        }
        // Where each kind must be there, kinds are not equally frequent; within a kind all are, under every policy.
        let kinds: [fn(char) -> bool; 3] = [|c| c.is_uppercase(), |c| c.is_lowercase(), |c| c.is_ascii_digit()];
        for kind in kinds {
            let counts: Vec<u32> = RANDOM_ALPHABET.chars().filter(|c| kind(*c)).map(|c| self.characters[&c]).collect();
            assert_chance(&format!("{wish:?}, characters"), &counts, &vec![1.0; counts.len()]);
        }
        if wish.policy != PolicyName::Standard {
            let counts: Vec<u32> = self.characters.values().copied().collect();
            assert_chance(&format!("{wish:?}, all characters"), &counts, &vec![1.0; RANDOM_ALPHABET.len()]);
        }
    }
}

/// The pairs of places in the list that must not follow each other, a word after itself among them.
fn barred(list: &WordList) -> Vec<(usize, usize)> {
    let words = 0..list.words().len();
    words
        .clone()
        .flat_map(|one| words.clone().map(move |other| (one, other)))
        .filter(|(a, b)| !list.may_follow(*a, *b))
        .collect()
}

/// How often each word is expected at a place, up to a factor: in how many phrases it stands there. That two words which
/// are no neighbours differ takes the same share from every word, to four digits.
fn shares(words: usize, barred: &[(usize, usize)], length: usize, place: usize) -> Vec<f64> {
    let step = |ways: &[f64], onwards: bool| -> Vec<f64> {
        let mut next = vec![ways.iter().sum::<f64>(); words];
        for (first, second) in barred {
            let (here, there) = if onwards { (first, second) } else { (second, first) };
            next[*here] -= ways[*there];
        }
        let all: f64 = next.iter().sum();
        next.into_iter().map(|ways| ways / all).collect()
    };
    let before = (0..place).fold(vec![1.0; words], |ways, _| step(&ways, false));
    let after = (place + 1..length).fold(vec![1.0; words], |ways, _| step(&ways, true));
    before.iter().zip(&after).map(|(before, after)| before * after).collect()
}

/// Pearson's chi-square: an even source exceeds the bound (mean and seven standard deviations) once in many millions of
/// runs; a bias of one part in a hundred exceeds it nearly always.
fn assert_chance(what: &str, counts: &[u32], shares: &[f64]) {
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let whole: f64 = shares.iter().sum();
    let chi: f64 = counts
        .iter()
        .zip(shares)
        .map(|(count, share)| {
            let expected = total * share / whole;
            (f64::from(*count) - expected).powi(2) / expected
        })
        .sum();
    let freedom = f64::from(u32::try_from(counts.len() - 1).expect("few"));
    assert!(
        chi < freedom + 7.0 * (2.0 * freedom).sqrt() + 14.0,
        "{what}: chi-square {chi} with {freedom} degrees of freedom"
    );
}

#[test]
fn a_million_draws_of_each_format_meet_their_policy_and_are_even() {
    let one = |wish: Wish| {
        let mut rng: Ahead<_, 4096> = Ahead::with_buffer(UnwrapErr(SysRng));
        let mut tally = Tally::default();
        for _ in 0..EACH {
            let password = draw_from(&mut rng, wish.language.words(), wish, &nobody()).expect("a password");
            let text = password.expose_secret();
            assert!(text.len() >= wish.policy.min_chars(), "{wish:?}: {text}");
            if wish.policy == PolicyName::Standard {
                for kind in [u8::is_ascii_uppercase as fn(&u8) -> bool, u8::is_ascii_lowercase, u8::is_ascii_digit] {
                    assert!(text.as_bytes().iter().any(kind), "{wish:?}: {text}");
                }
            }
            assert!(!is_blocked(text), "{wish:?}: {text}");
            tally.count(wish, text);
        }
        tally.assert_even(wish);
    };
    let all: Vec<Wish> = wishes().collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for share in 0..cores {
            let mine = all.iter().skip(share).step_by(cores);
            scope.spawn(move || mine.copied().for_each(one));
        }
    });
}

#[test]
fn random_passwords_have_no_look_alikes() {
    for policy in PolicyName::ALL {
        for _ in 0..300 {
            let text = drawn(english(Format::Random12, policy));
            assert!(!text.contains(['0', 'O', 'o', '1', 'l', 'I', 'i']), "{text}");
        }
    }
}

#[test]
fn simple_becomes_classic_under_standard_and_stays_lower_case_under_nist() {
    let capital = |wish| drawn(wish).starts_with(|c: char| c.is_ascii_uppercase());
    assert!(
        capital(english(Format::Simple, PolicyName::Standard)) && capital(english(Format::Classic, PolicyName::Nist8))
    );
    assert!(
        !capital(english(Format::Simple, PolicyName::Nist8)) && !capital(english(Format::Simple, PolicyName::Nist15))
    );
}

#[test]
fn draws_are_distinct() {
    let mut seen = HashSet::new();
    for _ in 0..2_000 {
        for format in [Format::Phrase4, Format::Random12] {
            assert!(seen.insert(drawn(english(format, PolicyName::Standard))), "{format}: drawn twice in 2000");
        }
    }
}

#[test]
fn words_that_hold_a_forbidden_name_are_drawn_again() {
    // Every longer word with an `e` is somebody's name.
    let long = |word: &&&str| word.len() >= 4 && word.contains('e');
    for wish in wishes() {
        let forbidden: Vec<&str> = wish.language.words().words().iter().filter(long).copied().collect();
        let text = draw(wish, &Names::new(&forbidden)).expect("enough words are left").expose_secret().to_lowercase();
        assert!(!forbidden.iter().any(|name| text.contains(name)), "{text}");
    }
}

#[test]
fn an_impossible_wish_ends_with_an_error_that_names_the_rule() {
    let mut rng = Ahead::of(UnwrapErr(SysRng));
    let few = WordList::new("lamp\notter", "");
    let classic = english(Format::Classic, PolicyName::Standard);
    let error = draw_from(&mut rng, &few, classic, &Names::new(["otter"])).expect_err("both words are needed");
    assert!(error.to_string().contains("password.personal"), "{error}");
    let phrase = english(Format::Phrase3, PolicyName::Standard);
    let error = draw_from(&mut rng, &few, phrase, &nobody()).expect_err("two words are no phrase of three");
    assert!(error.to_string().contains("words.too_few"), "{error}");
    assert!(draw_from(&mut rng, &WordList::new("", ""), classic, &nobody()).is_err());
    let barred = WordList::new("lamp\notter", "lamp otter");
    assert!(draw_from(&mut rng, &barred, classic, &nobody()).is_err(), "these two never stand together");
}

proptest! {
    #[test]
    fn no_forbidden_name_is_ever_part_of_a_password(name in "[A-Za-z]{3,12}", wish in 0_usize..30) {
        let wish = wishes().nth(wish).expect("thirty wishes");
        if let Ok(text) = draw(wish, &Names::new([&name])) {
            prop_assert!(!text.expose_secret().to_lowercase().contains(&name.to_lowercase()));
        }
    }
}
