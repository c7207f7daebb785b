//! Every format with an example, its entropy and whom it is meant for, as it is shown wherever a format can be chosen.

use serde::Serialize;
use utoipa::ToSchema;

use super::entropy::bits;
use super::format::Format;
use super::language::Language;
use super::policy::PolicyName;
use super::recipe::Recipe;

/// A format under one policy, with words of one language.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FormatView {
    /// The format.
    pub format: Format,
    /// The policy.
    pub policy: PolicyName,
    /// The language of its words.
    pub language: Language,
    /// What such a password looks like.
    #[schema(example = "Otter-lamp-47")]
    pub example: String,
    /// Its entropy in bits, rounded down to a tenth; for `by-grade`, that of the weakest tier.
    #[schema(example = 27.2)]
    pub bits: f64,
    /// Whom it is meant for: grades or roles.
    #[schema(example = "3–5")]
    pub meant_for: String,
}

/// Every format under every policy in every language, or under one policy, or in one language.
#[must_use]
pub fn catalogue(policy: Option<PolicyName>, language: Option<Language>) -> Vec<FormatView> {
    let mut all = Vec::new();
    for language in Language::ALL.into_iter().filter(|one| language.is_none_or(|only| only == *one)) {
        for policy in PolicyName::ALL.into_iter().filter(|one| policy.is_none_or(|only| only == *one)) {
            all.extend(Format::ALL.into_iter().map(|format| FormatView {
                format,
                policy,
                language,
                example: example(format, policy, language),
                bits: bits(format, policy, language),
                meant_for: format.meant_for().to_owned(),
            }));
        }
    }
    all
}

/// The table of one policy and language in the documents, in Markdown.
#[must_use]
pub fn table(policy: PolicyName, language: Language) -> String {
    let head = "| format | example | bits | meant for |\n|---|---|---|---|\n".to_owned();
    catalogue(Some(policy), Some(language)).into_iter().fold(head, |text, view| {
        let FormatView { format, example, bits, meant_for, .. } = view;
        let example = if format == Format::ByGrade { example } else { format!("`{example}`") };
        text + &format!("| `{format}` | {example} | {bits:.1} | {meant_for} |\n")
    })
}

/// An example, made by the recipe itself.
fn example(format: Format, policy: PolicyName, language: Language) -> String {
    if format == Format::ByGrade {
        return "by the grade or role".to_owned();
    }
    let (words, characters) = match language {
        Language::En => (["otter", "lamp", "river", "moss"], "Wm7kTq3hXe9rNd4"),
        Language::Es => (["oveja", "mesa", "lago", "nube"], "Hk4mRz8pUa2wYe6"),
    };
    match Recipe::of(format, policy) {
        Recipe::Phrase(phrase) => {
            let number = match phrase.number {
                Some((100.., _)) => 473,
                Some((10.., _)) => 47,
                Some(_) | None => 4,
            };
            let mut text = String::new();
            phrase.write(words, number, &mut text);
            text
        }
        Recipe::Random { chars, .. } => characters.chars().take(chars).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Names, RANDOM_ALPHABET, check};

    /// The page that shows the tables.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/passwords.md");

    #[test]
    fn every_example_meets_its_policy_and_could_be_drawn() {
        for view in catalogue(None, None).into_iter().filter(|view| view.format != Format::ByGrade) {
            let names: [&str; 0] = [];
            assert_eq!(check(view.policy, &view.example, &Names::new(names)), Ok(()), "{view:?}");
            match Recipe::of(view.format, view.policy) {
                Recipe::Phrase(phrase) => {
                    let words = view.language.words();
                    let places: Vec<usize> = view
                        .example
                        .split('-')
                        .take(phrase.words)
                        .map(|word| words.words().binary_search(&word.to_lowercase().as_str()).expect("in the list"))
                        .collect();
                    assert!(places.windows(2).all(|pair| words.may_follow(pair[0], pair[1])), "{view:?}");
                }
                Recipe::Random { chars, .. } => {
                    assert_eq!(view.example.len(), chars);
                    assert!(view.example.chars().all(|c| RANDOM_ALPHABET.contains(c)), "{view:?}");
                }
            }
        }
        assert_eq!(catalogue(None, None).len(), 36);
    }

    #[test]
    fn the_shortest_phrase_of_every_format_meets_its_policy() {
        for policy in PolicyName::ALL {
            for format in Format::ALL {
                let Recipe::Phrase(phrase) = Recipe::of(format, policy) else { continue };
                let mut text = String::new();
                phrase.write(["abc", "abd", "abe", "abf"], phrase.number.map_or(0, |(low, _)| low), &mut text);
                assert!(text.len() >= policy.min_chars(), "{format} under {policy}: {text}");
                assert!(format != Format::Phrase4 || text.len() >= 15, "{text}");
                assert!(
                    !policy.is_composed() || (phrase.capital && phrase.number.is_some()),
                    "{format} under {policy}"
                );
            }
        }
    }

    #[test]
    fn the_documents_show_the_computed_numbers() {
        let page = std::fs::read_to_string(PAGE).expect("docs/passwords.md");
        let all = PolicyName::ALL.into_iter().flat_map(|policy| Language::ALL.map(|language| (policy, language)));
        let missing: Vec<String> =
            all.map(|(policy, language)| table(policy, language)).filter(|table| !page.contains(table)).collect();
        assert!(missing.is_empty(), "docs/passwords.md lacks these tables:\n\n{}", missing.join("\n"));
    }
}
