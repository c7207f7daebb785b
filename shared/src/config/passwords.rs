//! What requests for resets leave open about the new passwords.

use serde::Deserialize;

use super::{ConfigError, fits};
use crate::password::Language;
use crate::request::SHARED_LIMIT;

/// What requests for resets leave open about the new passwords. It is written into a request when it is accepted, so that a
/// later change of the configuration does not change what was accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passwords {
    /// The language of the words, where the request does not say.
    pub language: Language,
    /// On more accounts than this, a shared password needs its own acknowledgement, is temporary, and expires within 24
    /// hours.
    pub shared_limit: u64,
    /// The grades whose generated passwords are permanent, where the request does not say.
    pub permanent_grades: Vec<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { language: Language::default(), shared_limit: SHARED_LIMIT, permanent_grades: Vec::new() }
    }
}

impl Passwords {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits(self.permanent_grades.len() <= 30, "passwords.permanent_grades", || "at most 30 grades".to_owned())?;
        let blank = self.permanent_grades.iter().any(|grade| grade.trim().is_empty());
        fits(!blank, "passwords.permanent_grades", || "a grade is blank; remove it".to_owned())
    }
}
