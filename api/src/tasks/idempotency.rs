//! The `Idempotency-Key` header: the caller's own name for this request, so that a repetition makes no second task.

use axum::http::HeaderMap;
use keybell_scheduler::intake::MAX_KEY;

use crate::refusal::Refusal;

/// The one key of a request. Checked before the body is read, with the same rule as at every other door.
pub(crate) fn key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let only = match (keys.next(), keys.next()) {
        (Some(only), None) if !only.as_bytes().trim_ascii().is_empty() => only,
        (Some(_), Some(_)) => {
            return Err(Refusal::malformed("idempotency.repeated", "send one `Idempotency-Key` header"));
        }
        _ => {
            let detail = "send an `Idempotency-Key` header with a fresh UUID for each new request";
            return Err(Refusal::malformed("idempotency.missing", detail));
        }
    };
    only.to_str()
        .ok()
        .filter(|key| key.len() <= MAX_KEY && key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))
        .ok_or_else(|| {
            let detail = format!("an `Idempotency-Key` has at most {MAX_KEY} printable ASCII characters");
            Refusal::malformed("idempotency.malformed", detail)
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(keys: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append("idempotency-key", HeaderValue::from_bytes(key).expect("a header value"));
        }
        headers
    }

    #[test]
    fn exactly_one_usable_key_is_needed() {
        assert_eq!(key(&with(&[b"a-1"])).expect("a key"), "a-1");
        assert!(key(&with(&[&[b'x'; MAX_KEY]])).is_ok());
        let wrong: [&[&[u8]]; 7] =
            [&[], &[b""], &[b" "], &[b"a\tb"], &[&[b'x'; MAX_KEY + 1]], &[b"a", b"a"], &["é".as_bytes()]];
        for keys in wrong {
            assert!(key(&with(keys)).is_err(), "{keys:?}");
        }
    }
}
