//! Names as they are compared: without regard to case and accents.

use unicode_normalization::UnicodeNormalization as _;

/// A name without case and accents. A name begins with a prefix if its folded form begins with the folded prefix.
///
/// Each character is folded on its own, so that the end of a prefix is folded as the same letters within a name are.
/// Only marks that accent a letter are left out: the vowel signs of many scripts are marks as well, and tell names apart.
#[must_use]
pub fn fold(name: &str) -> String {
    let name = name.trim();
    // Most names, and the same by half a dozen tables of Unicode.
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfkd()
        .filter(|letter| !is_accent(*letter))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .flat_map(plain)
        .nfc()
        .collect()
}

/// A username as it is compared: without case, and the same however its letters are encoded. Accents tell usernames apart.
#[must_use]
pub fn username_key(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// The blocks of Unicode whose marks accent letters of any script.
const fn is_accent(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Letters that people write without their strokes, and that Unicode does not take apart.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// The end of the range of folded names that begin with `prefix`, in the order of bytes: no text lies behind it, since no
/// name holds the last code point.
#[must_use]
pub fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_make_no_difference() {
        for (one, other) in [
            ("MÜLLER", "muller"),
            ("Mu\u{308}ller", "Müller"),
            ("Núñez", "nunez"),
            ("Łukasz-Ødegård", "lukasz-odegard"),
            ("Straße", "STRASSE"),
            ("İnan", "ınan"),
            ("ΠΑΠΑΣ", "Παπάς"),
            (" O’Neil ", "o’neil"),
            ("ﬁsher", "FISHER"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn usernames_are_the_same_in_every_encoding() {
        for (one, other) in
            [("MÜLLER", "mu\u{308}ller"), ("ﬁsher", "Fisher"), ("Ａｎｎａ", "anna"), ("PUPIL1", "pupil1")]
        {
            assert_eq!(username_key(one), username_key(other), "{one}");
        }
        assert_ne!(username_key("müller"), username_key("muller"));
    }

    #[test]
    fn letters_that_are_no_accents_tell_names_apart() {
        for (one, other) in [("김", "기"), ("कि", "क"), ("が", "か"), ("Möller", "Müller"), ("O'Neil", "O’Neil")]
        {
            assert_ne!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn the_beginning_of_a_name_folds_as_within_it() {
        for (name, beginning) in [("Σίσυφος", "ΣΊΣ"), ("Weißmann", "WEISS"), ("Édouard", "e"), ("Müller", "mü")]
        {
            let (name, beginning) = (fold(name), fold(beginning));
            assert!(name.starts_with(&beginning), "{name} {beginning}");
            assert!(beginning <= name && name < after_prefix(&beginning));
        }
    }
}
