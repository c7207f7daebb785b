//! What every word list must be, in every language.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::password::is_blocked;

/// The list, what must not arise, and the groups of words that sound alike.
fn data(language: Language) -> (&'static [&'static str], &'static str, &'static str) {
    let words = language.words().words();
    match language {
        Language::En => {
            (words, include_str!("../../data/offensive-en.txt"), include_str!("../../data/homophones-en.txt"))
        }
        Language::Es => {
            (words, include_str!("../../data/offensive-es.txt"), include_str!("../../data/homophones-es.txt"))
        }
    }
}

#[test]
fn words_are_short_plain_sorted_and_many() {
    for language in Language::ALL {
        let (words, _, _) = data(language);
        assert!((1_300..60_000).contains(&words.len()), "{language}: {} words", words.len());
        for pair in words.windows(2) {
            assert!(pair[0] < pair[1], "{language}: {} stands before {}", pair[0], pair[1]);
        }
        for word in words {
            assert!((3..=5).contains(&word.len()), "{language}: {word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{language}: {word}");
        }
    }
}

#[test]
fn no_word_sounds_like_another_one() {
    for language in Language::ALL {
        let (words, _, groups) = data(language);
        assert!(groups.lines().count() >= 100, "{language}");
        for group in groups.lines() {
            for word in group.split(' ') {
                assert!(words.binary_search(&word).is_err(), "{language}: {word} sounds like another one of: {group}");
            }
        }
    }
}

/// Spanish is written as it sounds, so that a rule finds what no list of groups names.
#[test]
fn no_two_spanish_words_sound_alike() {
    let mut sounds: BTreeMap<String, &str> = BTreeMap::new();
    for word in Language::Es.words().words() {
        let mut sound = word.replace("ch", "C").replace('h', "").replace("ll", "y").replace('v', "b");
        for (written, spoken) in [
            ("ce", "se"),
            ("ci", "si"),
            ("z", "s"),
            ("ge", "je"),
            ("gi", "ji"),
            ("que", "ke"),
            ("qui", "ki"),
            ("c", "k"),
        ] {
            sound = sound.replace(written, spoken);
        }
        if let Some(other) = sounds.insert(sound, word) {
            panic!("{other} and {word} sound alike");
        }
    }
}

#[test]
fn no_word_looks_like_another_one() {
    for language in Language::ALL {
        let (words, _, _) = data(language);
        let mut shapes: BTreeMap<String, &str> = BTreeMap::new();
        for word in words {
            let shape = word.replace("rn", "m").replace("cl", "d").replace("vv", "w");
            let shape: String = shape.replace(['j', 'l'], "i").replace('v', "u").replace('q', "g");
            if let Some(other) = shapes.insert(shape, word) {
                panic!("{language}: {other} and {word} look alike");
            }
        }
        let known: BTreeSet<&str> = words.iter().copied().collect();
        for word in words {
            for at in 1..word.len() {
                let mut swapped = word.as_bytes().to_vec();
                swapped.swap(at - 1, at);
                let swapped = String::from_utf8(swapped).expect("plain letters");
                assert!(swapped == *word || !known.contains(swapped.as_str()), "{language}: {word} and {swapped}");
            }
        }
    }
}

#[test]
fn no_word_is_blocked_or_offends() {
    for language in Language::ALL {
        let (words, offensive, _) = data(language);
        for entry in entries(offensive) {
            if let Some((one, other)) = entry.split_once(' ') {
                let known = words.binary_search(&one).is_ok() && words.binary_search(&other).is_ok();
                assert!(known, "{language}: `{entry}` names a word that is not in the list");
                continue;
            }
            assert!((3..=7).contains(&entry.len()), "{language}: {entry}: `bar_joints` knows one word in the middle");
            for word in words {
                assert!(*word != entry && (entry.len() < 4 || !word.contains(entry)), "{language}: {word}: {entry}");
            }
        }
        // A word alone may be on the blocklist (`april`), but never a phrase of words.
        for pair in words.windows(2) {
            assert!(!is_blocked(&format!("{}-{}-47", pair[0], pair[1])), "{language}: {pair:?}");
        }
    }
}

#[test]
fn nothing_offends_where_two_words_meet() {
    for language in Language::ALL {
        let (words, offensive, _) = data(language);
        let letters: Vec<&str> = entries(offensive).filter(|entry| !entry.contains(' ')).collect();
        let search = aho_corasick::AhoCorasick::new(&letters).expect("a search");
        let list = language.words();
        let mut left = 0;
        // Every ordered pair that may be drawn.
        for (first, one) in words.iter().enumerate() {
            for (second, other) in words.iter().enumerate().filter(|(second, _)| list.may_follow(first, *second)) {
                left += 1;
                let both = format!("{one}{other}");
                let joint = one.len();
                let found =
                    search.find_overlapping_iter(&both).find(|found| found.start() < joint && found.end() > joint);
                assert!(found.is_none(), "{language}: {one}-{other} ({second})");
            }
        }
        assert!(left > words.len() * words.len() * 98 / 100, "{language}: only {left} pairs are left");
        for (one, other) in entries(offensive).filter_map(|entry| entry.split_once(' ')) {
            let at = |word: &str| words.binary_search(&word).expect("in the list");
            assert!(!list.may_follow(at(one), at(other)) && !list.may_follow(at(other), at(one)), "{one} {other}");
        }
    }
}

#[test]
fn letters_over_three_words_are_barred_as_well() {
    let list = WordList::new("boa\ncab\neel\nsab\nxbc", "abboae\nsab xbc");
    let at = |word: &str| list.words().binary_search(&word).expect("in the list");
    assert!(!list.may_follow(at("cab"), at("boa")), "cab-boa-eel holds abboae");
    assert!(!list.may_follow(at("sab"), at("xbc")) && !list.may_follow(at("xbc"), at("sab")));
    assert!(list.may_follow(at("boa"), at("eel")) && list.may_follow(at("boa"), at("cab")));
    assert!(!list.may_follow(at("boa"), at("boa")));
}
