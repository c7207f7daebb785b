//! The stages of the pipeline, each a queue with its handler.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One stage of work that is carried by a queue. Expansion is the scheduler's own and needs no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Draw, hash, seal and store one password.
    Reset,
    /// Tell one recipient by e-mail.
    Email,
    /// Tell one recipient by SMS.
    Sms,
}

impl Stage {
    /// Every stage, in the order of the way.
    pub const ALL: [Self; 3] = [Self::Reset, Self::Email, Self::Sms];

    /// The stage's name: its routing key, and the end of its queue's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no stage; use reset, email or sms"))
    }
}
