//! The one form in which passwords are checked and hashed, at every door.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

/// The form in which passwords are hashed and checked: NFKC. Nothing is trimmed and nothing is cut off. Plain ASCII is its
/// own normal form.
#[must_use]
pub fn normalise(password: &str) -> Zeroizing<String> {
    if password.is_ascii() {
        return Zeroizing::new(password.to_owned());
    }
    // Roomy, so that it rarely moves in memory: what is left behind is not wiped.
    let mut normal = Zeroizing::new(String::with_capacity(password.len() * 4));
    normal.extend(password.nfkc());
    normal
}

/// Whether there is nothing to see: no characters, white space, or signs without width. That counts as "not given".
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Signs without width: joiners, marks of direction, soft hyphen, byte-order mark, fillers.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
    )
}

/// For comparing with lists: small letters without accents.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len() * 4));
    if text.is_ascii() {
        folded.extend(text.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        folded.extend(text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase));
    }
    folded
}

/// Letters and digits only.
pub(super) fn squeeze(folded: &str) -> Zeroizing<String> {
    let mut squeezed = Zeroizing::new(String::with_capacity(folded.len()));
    squeezed.extend(folded.chars().filter(|c| c.is_alphanumeric()));
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_decomposed_and_full_width_are_one_password() {
        for (one, other) in [
            ("Caf\u{e9}-River-47", "Cafe\u{301}-River-47"),
            (
                "Otter-lamp-47",
                "\u{ff2f}\u{ff54}\u{ff54}\u{ff45}\u{ff52}\u{ff0d}\u{ff4c}\u{ff41}\u{ff4d}\u{ff50}\u{ff0d}\u{ff14}\u{ff17}",
            ),
            ("\u{fb01}ve-Otters-5", "five-Otters-5"),
        ] {
            assert_eq!(*normalise(one), *normalise(other), "{one}");
        }
        assert_ne!(*normalise("otter"), *normalise("Otter"));
    }

    #[test]
    fn a_given_password_is_never_trimmed_and_never_cut_off() {
        assert_eq!(*normalise("  Otter lamp 47 "), "  Otter lamp 47 ");
        let long = "\u{1f9a6}".repeat(64) + "Aa1";
        assert_eq!(*normalise(&long), long);
    }

    #[test]
    fn nothing_to_see_is_blank() {
        for blank in ["", " ", "\t\r\n", "\u{a0}\u{3000}", "\u{200b}\u{feff}\u{2060}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in ["a", " a ", "\u{1f9a6}", "."] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn folding_forgets_case_and_accents() {
        assert_eq!(*fold("OTO\u{d1}O-Caf\u{e9}"), "otono-cafe");
        assert_eq!(*squeeze("oak-elm bay_7"), "oakelmbay7");
    }
}
