//! What whoever imports says about a file that does not say it itself.

use keybell_shared::eligibility::Ranks;

use crate::list;
use crate::role;
use crate::text::is_password;

/// Answers to what a file may leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The role of everybody of whom nothing else says one. Only for lists of accounts.
    pub role: Option<String>,
    /// The roles of groups and organisational units.
    pub roles: Vec<(String, String)>,
    /// Whether people may become less privileged by such roles, or by what a file of relations makes of them, than the
    /// district knows them to be.
    pub allow_lower: bool,
    /// What headers of a list mean: the header, and the field's key.
    pub mapping: Vec<(String, String)>,
    /// The worksheet to read of a workbook; without it, the first one.
    pub sheet: Option<String>,
    /// The name of the school that people of a list without schools are at; as a rule the district's.
    pub school: Option<String>,
    /// Which level of an organisational unit's path is the school, from 1.
    pub school_level: Option<usize>,
    /// How privileged each role is.
    pub ranks: Ranks,
}

/// Why an option cannot be used. It never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Not of the form `one=other`.
    #[error("write it as ONE=OTHER, such as \"{0}\"")]
    Form(&'static str),
    /// No role of this name.
    #[error("there is no such role; the roles are: {}", role::WORDS.join(", "))]
    Role,
    /// No field of this name.
    #[error("there is no such field; the fields are: {}", list::fields().collect::<Vec<_>>().join(", "))]
    Field,
    /// A column of passwords.
    #[error("a column of passwords is never read")]
    Password,
}

/// A role, in its standard spelling.
pub fn parse_role(word: &str) -> Result<String, OptionError> {
    role::standard(word).map(ToOwned::to_owned).ok_or(OptionError::Role)
}

/// The role of a group: `/Staff=teacher`.
pub fn parse_role_of(text: &str) -> Result<(String, String), OptionError> {
    let (group, word) = pair(text, "/Staff=teacher")?;
    Ok((group.to_owned(), parse_role(word)?))
}

/// What a header means: `Login name=username`.
pub fn parse_map(text: &str) -> Result<(String, String), OptionError> {
    let (header, word) = pair(text, "Login name=username")?;
    if is_password(header) {
        return Err(OptionError::Password);
    }
    Ok((header.to_owned(), list::field(word).ok_or(OptionError::Field)?.to_owned()))
}

fn pair<'a>(text: &'a str, example: &'static str) -> Result<(&'a str, &'a str), OptionError> {
    // A header may hold the sign itself, the other side does not.
    let (one, other) = text.rsplit_once('=').ok_or(OptionError::Form(example))?;
    let (one, other) = (one.trim(), other.trim());
    if one.is_empty() || other.is_empty() { Err(OptionError::Form(example)) } else { Ok((one, other)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused_with_what_is_possible() {
        assert_eq!(parse_map("Login name = user name"), Ok(("Login name".to_owned(), "username".to_owned())));
        assert_eq!(parse_map("a=b=given name"), Ok(("a=b".to_owned(), "given_name".to_owned())));
        assert_eq!(parse_map("New Password=username"), Err(OptionError::Password));
        assert!(parse_map("x=shoe").unwrap_err().to_string().contains("username, given_name"));
        assert_eq!(parse_role_of("/Staff=Teacher"), Ok(("/Staff".to_owned(), "teacher".to_owned())));
        assert!(parse_role("boss").unwrap_err().to_string().contains("student"));
        assert!(parse_role_of("teacher").unwrap_err().to_string().contains("/Staff=teacher"));
    }
}
