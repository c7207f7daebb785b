//! The word lists, compiled in, with the pairs of words that must not stand beside each other.

use std::sync::LazyLock;

use super::language::Language;

/// Short, clean words of one language.
#[derive(Debug)]
pub struct WordList {
    words: Vec<&'static str>,
    /// Pairs that must not follow each other, as places in the list; sorted.
    barred: Vec<(u16, u16)>,
}

static ENGLISH: LazyLock<WordList> = LazyLock::new(|| {
    WordList::new(include_str!("../../data/words-en.txt"), include_str!("../../data/offensive-en.txt"))
});

static SPANISH: LazyLock<WordList> = LazyLock::new(|| {
    WordList::new(include_str!("../../data/words-es.txt"), include_str!("../../data/offensive-es.txt"))
});

impl WordList {
    /// The list of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::Es => &SPANISH,
        }
    }

    /// Reads a list of words, sorted, and of what must not arise where two of them meet.
    #[must_use]
    pub fn new(words: &'static str, offensive: &str) -> Self {
        let words: Vec<&str> = words.lines().filter(|word| !word.is_empty()).collect();
        let mut barred = Vec::new();
        for entry in entries(offensive) {
            match entry.split_once(' ') {
                Some((one, other)) => bar_both(&words, one, other, &mut barred),
                None => bar_joints(&words, entry, &mut barred),
            }
        }
        barred.sort_unstable();
        barred.dedup();
        Self { words, barred }
    }

    /// The words, sorted.
    #[must_use]
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// Whether the word at `second` may stand right after the one at `first`: they are two words, and nothing that offends
    /// arises where they meet.
    #[must_use]
    pub fn may_follow(&self, first: usize, second: usize) -> bool {
        let pair = (place(first), place(second));
        first != second && self.barred.binary_search(&pair).is_err()
    }

    /// The pairs that must not follow each other.
    pub(super) fn barred(&self) -> &[(u16, u16)] {
        &self.barred
    }
}

/// The lines that are no comment.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Lists are far shorter than this; a test says so.
fn place(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn bar_both(words: &[&str], one: &str, other: &str, barred: &mut Vec<(u16, u16)>) {
    if let (Ok(one), Ok(other)) = (words.binary_search(&one), words.binary_search(&other)) {
        barred.extend([(place(one), place(other)), (place(other), place(one))]);
    }
}

/// Bars every pair across whose joint the letters arise; and, where a whole word could be the middle of the letters, its
/// pair with the word before.
fn bar_joints(words: &[&str], letters: &str, barred: &mut Vec<(u16, u16)>) {
    for (head, tail) in (1..letters.len()).filter_map(|at| letters.split_at_checked(at)) {
        let second = |word: &str| word.starts_with(tail) || (tail.starts_with(word) && tail.len() > word.len());
        let seconds: Vec<u16> = places(words, second).collect();
        for first in places(words, |word| word.ends_with(head)) {
            barred.extend(seconds.iter().filter(|second| **second != first).map(|second| (first, *second)));
        }
    }
}

fn places<'a>(words: &'a [&str], which: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = u16> + 'a {
    words.iter().enumerate().filter(move |(_, word)| which(word)).map(|(index, _)| place(index))
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
