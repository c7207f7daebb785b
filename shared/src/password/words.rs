//! The word lists, compiled in.

use std::sync::LazyLock;

static ENGLISH: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../../data/words-en.txt").lines().filter(|word| !word.is_empty()).collect());

static COMMON: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../../data/common-passwords.txt").lines().filter(|word| !word.is_empty()).collect());

/// Short, clean English words, sorted: 3–5 letters, no homophones, no look-alikes, none that offends.
#[must_use]
pub fn english() -> &'static [&'static str] {
    &ENGLISH
}

/// The most common passwords, sorted, in lower case.
#[must_use]
pub fn common() -> &'static [&'static str] {
    &COMMON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_lower_case_and_unique() {
        assert!(english().len() >= 1_300, "{} words", english().len());
        for pair in english().windows(2) {
            assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
        }
        for word in english() {
            assert!((3..=5).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
        }
        assert!(common().binary_search(&"password").is_ok());
    }
}
