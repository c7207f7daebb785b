//! The roles that OneRoster 1.1 and 1.2 know.

pub(crate) use keybell_shared::standing::{UNKNOWN_ROLE as UNKNOWN, is_kin};

/// OneRoster 1.1 §4.13.5 and 1.2 §RoleEnum, in the spelling that the ledger keeps.
pub(crate) const WORDS: [&str; 13] = [
    "administrator",
    "aide",
    "counselor",
    "districtAdministrator",
    "guardian",
    "parent",
    "principal",
    "proctor",
    "relative",
    "siteAdministrator",
    "student",
    "systemAdministrator",
    "teacher",
];

/// Finds the standard spelling of a role word, without regard to case.
pub(crate) fn standard(word: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(word))
}

/// Finds the standard role that an everyday word of a hand-made list means. Only words that can mean nothing else.
pub(crate) fn everyday(word: &str) -> Option<&'static str> {
    const EVERYDAY: [(&str, &str); 14] = [
        ("pupil", "student"),
        ("pupils", "student"),
        ("students", "student"),
        ("learner", "student"),
        ("teachers", "teacher"),
        ("faculty", "teacher"),
        ("instructor", "teacher"),
        ("counsellor", "counselor"),
        ("head teacher", "principal"),
        ("headteacher", "principal"),
        ("admin", "administrator"),
        ("guardians", "guardian"),
        ("mother", "parent"),
        ("father", "parent"),
    ];
    EVERYDAY.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, role)| *role)
}

/// Why a contact is told nothing whom no row calls a guardian.
pub(crate) const NO_GUARDIAN: &str =
    "the row does not say that this contact is a parent or guardian, who alone are told";

/// The role of a parent or guardian by the word for what they are to a pupil; `None` if the word says that they are
/// something else, or nothing.
pub(crate) fn kin(word: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 14] = [
        ("parent", "parent"),
        ("mother", "parent"),
        ("father", "parent"),
        ("stepparent", "parent"),
        ("stepmother", "parent"),
        ("stepfather", "parent"),
        ("foster parent", "parent"),
        ("guardian", "guardian"),
        ("legal guardian", "guardian"),
        ("parent/guardian", "guardian"),
        ("grandparent", "relative"),
        ("grandmother", "relative"),
        ("grandfather", "relative"),
        ("relative", "relative"),
    ];
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, role)| *role)
}

/// What the ledger keeps of a word that is no standard role: the word itself where it can be one (`ext:coach`), else
/// [`UNKNOWN`], since a shifted row may have anything in this column.
pub(crate) fn foreign(word: &str) -> &str {
    let wordlike = (1..=40).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, ' ' | ':' | '-' | '_' | '/'));
    if wordlike { word } else { UNKNOWN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case() {
        assert_eq!(standard("STUDENT"), Some("student"));
        assert_eq!(standard("districtadministrator"), Some("districtAdministrator"));
        assert_eq!(standard("Faculty"), None);
    }

    #[test]
    fn words_for_parents_mean_roles_of_guardians_and_no_other_word_does() {
        for word in ["Parent", "MOTHER", "legal guardian", "Grandfather", "relative"] {
            assert!(kin(word).is_some_and(is_kin), "{word}");
        }
        for word in ["", "other", "doctor", "aide", "child", "administrator", "student", "neighbour"] {
            assert_eq!(kin(word), None, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_a_role_word_is_not_kept() {
        assert_eq!(foreign("ext:coach"), "ext:coach");
        for word in ["", "P@ssword1", "Password1-", "2019"] {
            assert_eq!(foreign(word), UNKNOWN);
        }
    }
}
