//! Ids in paths. One thing has one address: anything but a UUID in its usual form names nothing.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use keybell_shared::problem::Problem;

use crate::refusal::Refusal;

/// The `{id}` of a path.
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr + Display> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        text.and_then(|Path(text)| read(&text)).map(Self).ok_or_else(|| Problem::not_found("thing").into())
    }
}

/// Braces, capitals and other spellings of a UUID are not its address.
pub(crate) fn read<T: FromStr + Display>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|id| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use keybell_shared::ids::TaskId;

    use super::*;

    #[test]
    fn one_thing_has_one_address() {
        let id = TaskId::fresh();
        assert_eq!(read(&id.to_string()), Some(id));
        for other in [
            id.to_string().to_uppercase(),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            id.0.simple().to_string(),
            "../x".to_owned(),
            "\0".to_owned(),
            String::new(),
        ] {
            assert_eq!(read::<TaskId>(&other), None, "{other}");
        }
    }
}
