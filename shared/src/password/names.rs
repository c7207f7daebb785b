//! The names that a password must not hold: the person's username, and what the school and the district are called.

use super::normal::{fold, squeeze};

/// Shorter names forbid nothing: too many passwords hold two letters by chance.
const LEAST: usize = 3;

/// The words of a school's or district's name count from this length on: "of", "Oak" or "High" would forbid too much.
const WORD: usize = 5;

/// The names that are to be looked for: the username, the longer words of each place's name, and each place's name as a
/// whole.
pub fn name_parts(username: Option<&str>, places: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut parts: Vec<String> = username.map(str::to_owned).into_iter().collect();
    for place in places {
        let words = || place.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        parts.extend(words().filter(|word| word.chars().count() >= WORD).map(str::to_owned));
        if words().nth(1).is_some() {
            parts.push(place);
        }
    }
    parts
}

/// Names, ready to be looked for in many passwords.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// Looks for these names (see [`name_parts`]), without regard to case, accents and signs between letters.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let squeezed = names.into_iter().map(|name| squeeze(&fold(name.as_ref())).to_string());
        Self(squeezed.filter(|name| name.chars().count() >= LEAST).collect())
    }

    /// Whether a folded password holds one of them, also with signs between the letters.
    pub(super) fn is_in(&self, folded: &str) -> bool {
        !self.0.is_empty() && {
            let squeezed = squeeze(folded);
            self.0.iter().any(|name| squeezed.contains(name.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_words_of_a_name_and_the_whole_name_count() {
        let places = ["Oak Elm Bay".to_owned(), "St. Mary's High School".to_owned(), "Larkspur".to_owned()];
        let parts = name_parts(Some("amy"), places);
        assert_eq!(parts, ["amy", "Oak Elm Bay", "School", "St. Mary's High School", "Larkspur"]);
    }

    #[test]
    fn names_are_found_whatever_stands_between_their_letters() {
        let names = Names::new(["m.jones", "Oak Elm Bay", "Pe\u{f1}asco", "al"]);
        for held in ["xm.jones7", "MJONES", "oak-elm-bay-12", "oakelmbay", "penasco9", "p-e-n-a-s-c-o"] {
            assert!(names.is_in(&fold(held)), "{held}");
        }
        for free in ["otter-lamp-47", "oak-elm-12", "alley-oak"] {
            assert!(!names.is_in(&fold(free)), "{free}");
        }
    }
}
