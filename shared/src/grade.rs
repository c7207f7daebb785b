//! Grades: the one way in which each is kept, compared and shown, however a roster or a person writes it.

use unicode_normalization::UnicodeNormalization as _;

/// Words beside the number of a grade: `Grade 9`, `9th grade`, `9. Klasse`; those that begin with another one come first. A
/// `Year 9` is another grade, so that is no such word.
const BESIDE: [&str; 10] =
    ["GRADE", "GRADO", "GR", "G", "LEVEL", "KLASSENSTUFE", "KLASSE", "STUFE", "JAHRGANGSSTUFE", "JAHRGANG"];

/// The codes of CEDS, which OneRoster uses, besides `01` to `13`, with the words that other systems write for them.
const CODES: [(&str, &[&str]); 7] = [
    ("IT", &["INFANTTODDLER", "INFANT", "TODDLER"]),
    ("PR", &["PRESCHOOL"]),
    ("PK", &["PREK", "PREKINDERGARTEN"]),
    ("TK", &["TRANSITIONALK", "TRANSITIONALKINDERGARTEN"]),
    ("KG", &["K", "KINDERGARTEN", "KINDER"]),
    ("PS", &["POSTSECONDARY"]),
    ("UG", &["UNGRADED", "NONGRADED"]),
];

const ORDINALS: [&str; 12] = [
    "FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH", "ELEVENTH",
    "TWELFTH",
];

/// The normal form of a grade: the code of CEDS, which OneRoster uses (`01` to `13`, `KG`, `PK`, `TK` and so on). So `9`, `09`,
/// `9th` and `Grade 9` are `09`, and `K`, `0` and `Kindergarten` are `KG`. What is none of these is a grade of its own, in
/// capitals and with single spaces. Nothing stays nothing.
#[must_use]
pub fn normal(written: &str) -> String {
    if let [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'3'] = written.as_bytes() {
        return written.to_owned();
    }
    let text: String = written.nfkc().collect::<String>().to_uppercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let beside = |word: &&str| BESIDE.contains(&word.trim_end_matches(['.', ':']));
    let telling: Vec<&str> = words.iter().copied().filter(|word| !beside(word)).collect();
    let number = if let [one] = telling.as_slice() { number(one) } else { None };
    match number {
        Some(0) => "KG".to_owned(),
        Some(number) => format!("{number:02}"),
        None => named(&telling).unwrap_or_else(|| words.join(" ")),
    }
}

/// The number that a word is: `9`, `09`, `9.`, `9.0`, `9TH`, `GRADE9`, `NINTH`.
fn number(word: &str) -> Option<u16> {
    let ordinal = ORDINALS.iter().zip(1..).find(|(ordinal, _)| **ordinal == word).map(|(_, number)| number);
    let bare = BESIDE.iter().find_map(|beside| word.strip_prefix(beside)).unwrap_or(word);
    let ends = [".0", ".", "ST", "ND", "RD", "TH"];
    let digits = ends.iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    // A sign would be read as a part of the number: `-1` is something else in every system that writes it.
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()));
    ordinal.or(number)
}

/// The code of a grade that has a name.
fn named(words: &[&str]) -> Option<String> {
    let letters: String = words.iter().flat_map(|word| word.chars()).filter(|letter| letter.is_alphabetic()).collect();
    // `4K` and `K5` are no kindergarten of their own making to guess at.
    let plain = words.iter().all(|word| !word.chars().any(char::is_numeric));
    let code = CODES.iter().find(|(code, words)| *code == letters || words.contains(&letters.as_str()));
    code.filter(|_| plain).map(|(code, _)| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_grade_has_one_form_however_it_is_written() {
        let same: [(&str, &[&str]); 12] = [
            (
                "09",
                &[
                    "9",
                    "09",
                    "009",
                    " 9 ",
                    "9th",
                    "9TH Grade",
                    "Grade 9",
                    "grade09",
                    "gr. 9",
                    "G9",
                    "ninth",
                    "9.0",
                    "９",
                ],
            ),
            ("01", &["1", "1st", "First Grade", "Level 1", "1. Klasse", "Klassenstufe1", "Grado1"]),
            ("02", &["2nd grade", "2."]),
            ("13", &["13", "Grade 13"]),
            ("KG", &["K", "KG", "kg", "0", "00", "Kindergarten", "Grade K", "Kinder"]),
            ("PK", &["PK", "Pre-K", "prek", "PreKindergarten", "Pre Kindergarten"]),
            ("TK", &["tk", "TransitionalKindergarten", "Transitional Kindergarten"]),
            ("IT", &["IT", "InfantToddler", "Infant/toddler"]),
            ("PR", &["Preschool"]),
            ("UG", &["UG", "ungraded", "Non-graded"]),
            ("PS", &["PS", "Postsecondary"]),
            ("", &["", " ", "\u{a0}"]),
        ];
        for (form, written) in same {
            for grade in written {
                assert_eq!(normal(grade), form, "{grade:?}");
                assert_eq!(normal(&normal(grade)), form, "{grade:?}");
            }
        }
    }

    /// What only looks like a grade is not taken for it, and is the same in every letter case.
    #[test]
    fn what_is_no_such_grade_is_one_of_its_own() {
        let own = [
            ("Year 9", "YEAR 9"),
            ("year  9", "YEAR 9"),
            ("9-10", "9-10"),
            ("1-2", "1-2"),
            ("9a", "9A"),
            ("-1", "-1"),
            ("+1", "+1"),
            ("4K", "4K"),
            ("K5", "K5"),
            ("P3", "P3"),
            ("1.5", "1.5"),
            ("Grade", "GRADE"),
            ("Other", "OTHER"),
            ("Grade 9 10", "GRADE 9 10"),
            ("9999999999", "9999999999"),
            ("Straße", "STRASSE"),
        ];
        for (written, form) in own {
            assert_eq!(normal(written), form);
            assert_eq!(normal(form), form);
        }
        assert_eq!((normal("014"), normal("14")), ("14".to_owned(), "14".to_owned()));
    }
}
