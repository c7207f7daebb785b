//! Words with a fixed list of values: the help and the completions show the list, and a wrong word is answered with it.

use std::fmt::Display;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use keybell_shared::actor::Role;
use keybell_shared::ids::TaskId;
use keybell_shared::password::{Format, Language, PolicyName};
use keybell_shared::stage::Stage;
use keybell_shared::states::ItemState;

/// A word that cannot be read, as whoever reads it says.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Unknown(String);

/// Reads one of these words.
fn one_of<T>(words: Vec<&'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Display> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse().map_err(|error: T::Err| Unknown(error.to_string())))
}

/// A role.
pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    one_of(Role::ALL.iter().map(|role| role.as_str()).collect())
}

/// A shape of generated passwords.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    one_of(Format::ALL.iter().map(|format| format.as_str()).collect())
}

/// A policy.
pub(super) fn policy() -> impl TypedValueParser<Value = PolicyName> {
    one_of(PolicyName::ALL.iter().map(|policy| policy.as_str()).collect())
}

/// A language of words.
pub(super) fn language() -> impl TypedValueParser<Value = Language> {
    one_of(Language::ALL.iter().map(|language| language.as_str()).collect())
}

/// A stage.
pub(super) fn stage() -> impl TypedValueParser<Value = Stage> {
    one_of(Stage::ALL.iter().map(|stage| stage.as_str()).collect())
}

/// The state of an account within a task.
pub(super) fn item_state() -> impl TypedValueParser<Value = ItemState> {
    one_of(ItemState::ALL.iter().map(|state| state.as_str()).collect())
}

/// A task's id.
pub(super) fn task(text: &str) -> Result<TaskId, String> {
    let advice =
        "a task's id has 36 characters, such as 019372f1-5b7a-7c3e-9d40-5a1e0c6b2f12; `keybell task list` shows them";
    text.parse().map_err(|_| advice.to_owned())
}

/// A cursor of a list, as an answer's `next` holds it.
pub(super) fn cursor(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain { Ok(text.to_owned()) } else { Err("a cursor is what `next` of the page before says".to_owned()) }
}
