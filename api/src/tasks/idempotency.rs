//! The `Idempotency-Key` header: the caller's own name for this request, so that a repetition makes no second task.

use axum::http::HeaderMap;

use crate::refusal::Refusal;

/// The longest key.
const MAX_CHARS: usize = 200;

/// The one key of a request: 1 to 200 printable ASCII characters without a space.
pub(super) fn key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let (Some(only), None) = (keys.next(), keys.next()) else {
        return Err(Refusal::malformed(
            "idempotency.key",
            "send exactly one `Idempotency-Key` header, with a fresh UUID for each new request",
        ));
    };
    only.to_str()
        .ok()
        .filter(|key| (1..=MAX_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| {
            Refusal::malformed(
                "idempotency.key",
                format!("an `Idempotency-Key` has 1 to {MAX_CHARS} printable ASCII characters and no spaces"),
            )
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
        assert!(key(&with(&[&[b'x'; 200]])).is_ok());
        let wrong: [&[&[u8]]; 7] =
            [&[], &[b""], &[b" "], &[b"a b"], &[&[b'x'; 201]], &[b"a", b"a"], &["é".as_bytes()]];
        for keys in wrong {
            assert!(key(&with(keys)).is_err(), "{keys:?}");
        }
    }
}
