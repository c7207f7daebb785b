//! Request heads that no honest client sends.

use axum::http::{HeaderMap, StatusCode, header};
use uuid::Uuid;

use crate::refusal::Refusal;

/// All header names and values together, in bytes. More than 100 headers are refused by hyper itself.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The longest request id that is taken over.
const MAX_REQUEST_ID: usize = 64;

/// Refuses heads that are too large, or that two readers could read differently.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(Refusal::with_status(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers.too_large",
            "the headers of a request may have at most 32 KiB",
        ));
    }
    for (name, code, detail) in [
        (header::HOST, "host.repeated", "send one `Host` header"),
        (header::AUTHORIZATION, "authorization.repeated", "send one `Authorization` header"),
    ] {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(Refusal::malformed(code, detail));
        }
    }
    Ok(())
}

/// The caller's request id if it is a plain word, else a fresh one.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get("x-request-id").and_then(|id| id.to_str().ok()).filter(plain);
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_id_is_echoed_only_when_it_is_a_plain_word() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_str(value).expect("a header value"));
            request_id(&headers)
        };
        assert_eq!(with("a.B-7_x"), "a.B-7_x");
        for strange in ["", "two words", "{\"a\":1}", &"x".repeat(65)] {
            assert!(Uuid::parse_str(&with(strange)).is_ok(), "{strange}");
        }
    }
}
