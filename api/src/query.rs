//! Query strings of lists. A misspelt parameter is refused, never ignored.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// The largest page.
const MAX_LIMIT: u32 = 200;
/// The page when nothing is said.
const DEFAULT_LIMIT: u32 = 50;

/// A query string read into a struct that refuses unknown fields.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Query::<T>::try_from_uri(&parts.uri).map(|Query(read)| Self(read)).map_err(|_| {
            Refusal::malformed("query.invalid", "a parameter of the query is unknown, repeated or cannot be read")
        })
    }
}

/// The size of a page: a whole number from 1 on, brought down to 200.
pub(crate) fn limit(text: Option<&str>) -> Result<u32, Refusal> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    // A page of nobody would be the last one and the list empty, whatever it holds.
    let only_zeros = text.bytes().all(|byte| byte == b'0');
    if only_zeros || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::malformed("query.limit", "`limit` is a whole number from 1 to 200").at("limit"));
    }
    // Only digits: what does not fit is more than 200.
    Ok(text.parse::<u32>().unwrap_or(MAX_LIMIT).min(MAX_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::limit;

    #[test]
    fn limits_are_numbers_and_are_clamped() {
        for (text, size) in [
            (None, 50),
            (Some("007"), 7),
            (Some("1"), 1),
            (Some("1000000000"), 200),
            (Some("99999999999999999999"), 200),
        ] {
            assert_eq!(limit(text).expect("a limit"), size, "{text:?}");
        }
        for wrong in ["", "0", "00", "-1", "+1", "1.0", "0x10", "ten", " 1"] {
            assert!(limit(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
