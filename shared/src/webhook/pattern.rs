//! Which kinds of events an endpoint listens to: `task.completed`, `task.*`, or `*`.

use std::fmt;
use std::str::FromStr;

/// The longest pattern, in bytes.
const MOST: usize = 64;

/// A kind of event, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no event pattern; use a kind such as `task.completed`, a family such as `task.*`, or `*`")]
pub struct PatternError;

impl Pattern {
    /// Whether an event of this kind is meant.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => self.0 == kind,
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let mut words = text.split('.').peekable();
        let mut fine = text.len() <= MOST;
        while let Some(one) = words.next() {
            fine &= word(one) || (one == "*" && words.peek().is_none());
        }
        if fine { Ok(Self(text.to_owned())) } else { Err(PatternError) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, kind: &str) -> bool {
        pattern.parse::<Pattern>().expect("a pattern").matches(kind)
    }

    #[test]
    fn a_pattern_means_one_kind_a_family_or_all() {
        assert!(matches("task.completed", "task.completed"));
        assert!(!matches("task.completed", "task.completed_with_errors"));
        assert!(matches("task.*", "task.completed"));
        assert!(!matches("task.*", "tasks.completed"));
        assert!(!matches("task.*", "account.credential_reset"));
        assert!(matches("*", "account.credential_reset"));
    }

    #[test]
    fn anything_else_is_no_pattern() {
        for wrong in ["", "*.completed", "task*", "task.", ".task", "Task.*", "task.**", "task .*", "a b"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
        assert!("a".repeat(65).parse::<Pattern>().is_err());
    }
}
