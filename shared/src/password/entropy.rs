//! How many passwords a format can draw, from the actual word list and the actual recipe.
//!
//! A draw is even over all that its recipe allows: a draw that is not allowed is thrown away as a whole. So the entropy is
//! the logarithm of how many are allowed. It is counted from below, and names that an account's password must not hold
//! come on top: whoever forbids one word in a hundred takes a hundredth of a bit from each word.

use super::format::Format;
use super::language::Language;
use super::policy::PolicyName;
use super::recipe::{Phrase, RANDOM_ALPHABET, Recipe};
use super::words::WordList;

/// The entropy in bits, rounded down to a tenth; for `by-grade` that of its weakest tier.
#[must_use]
pub fn bits(format: Format, policy: PolicyName, language: Language) -> f64 {
    let exact = |format| match Recipe::of(format, policy) {
        Recipe::Phrase(phrase) => log2(phrases(language.words(), phrase)),
        Recipe::Random { chars, composed } => log2(random(chars, composed)),
    };
    let bits = if format == Format::ByGrade {
        let tiers = [Format::Simple, Format::Classic, Format::Phrase3, Format::Phrase4, Format::Random12];
        tiers.into_iter().map(exact).fold(f64::INFINITY, f64::min)
    } else {
        exact(format)
    };
    (bits * 10.0).floor() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "the 16th digit of a count is no tenth of a bit")]
fn log2(count: u128) -> f64 {
    (count as f64).log2()
}

/// At least how many phrases there are.
fn phrases(list: &WordList, phrase: Phrase) -> u128 {
    let numbers = phrase.number.map_or(1, |(low, high)| u128::from(high - low + 1));
    sequences(list, phrase.words) * numbers
}

/// At least how many sequences of different words there are in which every word may follow the one before.
///
/// Counted exactly: sequences in which neighbours differ and get on with each other. Of those, at most all in which two
/// others are the same word are taken away again, for each two places that are no neighbours.
fn sequences(list: &WordList, length: usize) -> u128 {
    let words = list.words().len();
    let mut ending: Vec<u128> = vec![1; words];
    for _ in 1..length {
        let all: u128 = ending.iter().sum();
        let mut next: Vec<u128> = ending.iter().map(|same| all - same).collect();
        for (first, second) in list.barred() {
            if let (Some(count), Some(lost)) = (next.get_mut(usize::from(*second)), ending.get(usize::from(*first))) {
                *count = count.saturating_sub(*lost);
            }
        }
        ending = next;
    }
    let distant = (length.saturating_sub(1) * length.saturating_sub(2) / 2) as u128;
    let shorter = (1..length).fold(1_u128, |product, _| product * words as u128);
    ending.iter().sum::<u128>().saturating_sub(distant * shorter)
}

/// How many random passwords there are: all, less those that lack a kind of character if each must be there.
fn random(chars: usize, composed: bool) -> u128 {
    let kinds = [char::is_uppercase, char::is_lowercase, |c: char| c.is_ascii_digit()];
    let of = |alphabet: usize| (0..chars).fold(1_u128, |product, _| product * alphabet as u128);
    let all = RANDOM_ALPHABET.len();
    if !composed {
        return of(all);
    }
    let sizes = kinds.map(|kind| RANDOM_ALPHABET.chars().filter(|c| kind(*c)).count());
    // Without one kind; what lacks two kinds was taken away twice.
    let lacking_one: u128 = sizes.iter().map(|size| of(all - size)).sum();
    let lacking_two: u128 = sizes.iter().map(|size| of(*size)).sum();
    of(all) + lacking_two - lacking_one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is promised wherever a format can be chosen.
    #[test]
    fn the_promised_entropy_is_reached_in_every_language_and_under_every_policy() {
        for language in Language::ALL {
            for policy in PolicyName::ALL {
                for (format, floor) in [
                    (Format::Simple, 27.0),
                    (Format::Classic, 27.0),
                    (Format::Phrase3, 31.0),
                    (Format::Phrase4, 41.0),
                    (Format::Random12, 68.0),
                    (Format::ByGrade, 27.0),
                ] {
                    let bits = bits(format, policy, language);
                    assert!(bits >= floor, "{format} under {policy} in {language}: {bits}");
                }
            }
        }
    }

    /// Every sequence of a small list, one by one.
    fn enumerated(list: &WordList, length: usize) -> u128 {
        let words = list.words().len();
        let mut sequences: Vec<Vec<usize>> = (0..words).map(|word| vec![word]).collect();
        for _ in 1..length {
            let longer = |sequence: &Vec<usize>| {
                let latest = *sequence.last().expect("not empty");
                let next = (0..words).filter(|word| !sequence.contains(word) && list.may_follow(latest, *word));
                next.map(|word| [sequence.as_slice(), &[word]].concat()).collect::<Vec<_>>()
            };
            sequences = sequences.iter().flat_map(longer).collect();
        }
        sequences.len() as u128
    }

    #[test]
    fn the_count_is_never_more_than_there_are_and_hardly_less() {
        let words = ('a'..='z').map(|letter| letter.to_string().repeat(3)).collect::<Vec<_>>().join("\n");
        let list = WordList::new(Box::leak(words.into_boxed_str()), "aaa bbb\nddd\nyz");
        for (length, most_less) in [(1, 0), (2, 0), (3, 676), (4, 3 * 17_576)] {
            let (counted, there) = (sequences(&list, length), enumerated(&list, length));
            assert!(counted <= there && there - counted <= most_less, "{length}: {counted} of {there}");
        }
        assert_eq!(sequences(&list, 2), 26 * 25 - 3, "aaa-bbb, bbb-aaa, and yyy-zzz");
        let real = Language::En.words();
        let ratio = log2(sequences(real, 4)) / (4.0 * log2(real.words().len() as u128));
        assert!((0.998..1.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn random_passwords_are_counted_by_their_kinds() {
        // Three characters, one of each kind, in any order.
        assert_eq!(random(3, true), 6 * 22 * 23 * 8);
        assert_eq!(random(2, true), 0);
        assert_eq!(random(2, false), 53 * 53);
    }
}
