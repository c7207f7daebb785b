//! The languages that words are drawn from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::WordList;

/// The language of the words in a generated password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Spanish, without accents and ñ, so that every keyboard can type it.
    Es,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// Its words.
    #[must_use]
    pub fn words(self) -> &'static WordList {
        WordList::of(self)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|language| language.as_str() == word)
            .ok_or_else(|| "there are no words in this language; use en or es".to_owned())
    }
}
