//! Draws passwords from the operating system's random source.
//!
//! A draw follows the recipe of its format under the active policy, which it meets by construction. It is even over all
//! that the recipe allows: words that may not stand together, and what the blocklist holds, are thrown away as a whole and
//! drawn anew, so that the shown entropy holds (`shared/src/password/entropy.rs`).

use keybell_shared::password::{
    Format, Language, Names, Phrase, PolicyName, RANDOM_ALPHABET, Recipe, Tier, WordList, check,
};
use rand::rand_core::{Rng as _, UnwrapErr};
use rand::rngs::SysRng;
use rand::seq::IndexedRandom as _;
use rand::{CryptoRng, RngExt as _};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ahead::Ahead;

/// How often a draw is repeated until nothing speaks against it: words that may not stand together, no capital among twelve
/// random characters, or a word that is part of a forbidden name.
const DRAWS: u32 = 100;

/// Long enough for every format, so that the text never moves in memory while it grows.
const CAPACITY: usize = 64;

/// The most words of a phrase.
const WORDS: usize = 4;

/// What is to be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The format, with `by-grade` resolved.
    pub(super) format: Tier,
    /// The policy that it must meet.
    pub(super) policy: PolicyName,
    /// The language of its words.
    pub(super) language: Language,
}

/// No draw met the policy. Says nothing about what was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "none of {DRAWS} draws of the format `{format}` met the policy ({rule}); look for short usernames, or names of school \
     or district, that forbid too many words"
)]
pub(super) struct DrawError {
    format: Format,
    rule: &'static str,
}

/// Draws a password from the operating system's random source, one for each account. It holds none of `names`.
///
/// # Errors
/// When no draw meets the policy.
///
/// # Panics
/// When the operating system has no random source; nothing can go on without one.
pub(super) fn draw(wish: Wish, names: &Names) -> Result<SecretString, DrawError> {
    draw_from(&mut Ahead::of(UnwrapErr(SysRng)), wish.language.words(), wish, names)
}

/// Draws the 256 bits that an account's one-time links are derived from.
///
/// # Panics
/// When the operating system has no random source; nothing can go on without one.
pub(super) fn draw_seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    UnwrapErr(SysRng).fill_bytes(seed.as_mut_slice());
    seed
}

/// Draws until a password meets the policy.
fn draw_from<R: CryptoRng>(rng: &mut R, list: &WordList, wish: Wish, names: &Names) -> Result<SecretString, DrawError> {
    let mut rule = "words.too_few";
    let mut text = Zeroizing::new(String::with_capacity(CAPACITY));
    for _ in 0..DRAWS {
        text.clear();
        if once(rng, list, Recipe::of(wish.format, wish.policy), &mut text).is_none() {
            continue;
        }
        match check(wish.policy, &text, names) {
            Ok(()) => return Ok(SecretString::from(text.as_str())),
            Err(broken) => rule = broken.code(),
        }
    }
    Err(DrawError { format: wish.format, rule })
}

/// One draw; `None` when its words may not stand together.
fn once<R: CryptoRng>(rng: &mut R, list: &WordList, recipe: Recipe, text: &mut String) -> Option<()> {
    match recipe {
        Recipe::Phrase(phrase) => {
            let number = phrase.number.map_or(0, |(low, high)| rng.random_range(low..=high));
            phrase.write(words(rng, list, phrase)?, number, text);
        }
        // One that lacks a kind of character is refused by the check.
        Recipe::Random { chars, .. } => {
            for _ in 0..chars {
                text.push(char::from(*RANDOM_ALPHABET.as_bytes().choose(rng)?));
            }
        }
    }
    Some(())
}

/// Draws the words of a phrase, all different, each of which may follow the one before.
fn words<R: CryptoRng>(rng: &mut R, list: &WordList, phrase: Phrase) -> Option<impl Iterator<Item = &'static str>> {
    let mut drawn = [None; WORDS];
    let mut before = None;
    for at in 0..phrase.words {
        let all = list.words().len();
        let word = (all > 0).then(|| rng.random_range(0..all))?;
        if drawn.contains(&Some(word)) || before.is_some_and(|before| !list.may_follow(before, word)) {
            return None;
        }
        *drawn.get_mut(at)? = Some(word);
        before = Some(word);
    }
    Some(drawn.into_iter().flatten().filter_map(|word| list.words().get(word).copied()))
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
