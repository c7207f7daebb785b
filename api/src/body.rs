//! Reading a JSON body: its type, its encoding, its size. What it says is read by the one who asked for it.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use keybell_scheduler::intake::json;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Some editors put this before the text; it means nothing.
const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The bytes of a body of at most `LIMIT` bytes, sent as `application/json`. Wiped when dropped, because they may hold
/// passwords.
pub(crate) struct JsonBytes<const LIMIT: usize>(pub(crate) Zeroizing<Vec<u8>>);

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for JsonBytes<LIMIT> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        check_type(request.headers())?;
        gather(request, LIMIT).await.map(Self)
    }
}

/// The bytes of a body of at most `limit` bytes, whatever its type.
pub(crate) async fn gather(request: Request, limit: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let announced = announced(request.headers())?;
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(limit)));
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::malformed("body.broken", "the body ended early or is badly framed"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Refuses what does not even begin as a JSON object. A struct could also be read from an array, which nobody means.
pub(crate) fn must_be_object(bytes: &[u8]) -> Result<(), Refusal> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    if text.starts_with(b"{") {
        return Ok(());
    }
    let found = if text.is_empty() { "is empty" } else { "is something else" };
    Err(Refusal::malformed("body.invalid", format!("a JSON object is expected, and the body {found}")))
}

/// Reads the body of a sign-in. What the parser says is not passed on, only where, and of its fields only those that we
/// know: what stands anywhere else may be a password, too.
pub(crate) fn read_sign_in<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    must_be_object(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = error.to_string();
        let field = |start: &str| reason.strip_prefix(start)?.split('`').nth(1).map(str::to_owned);
        let (code, what, field) = if !error.is_data() {
            ("json.malformed", "this is not JSON", None)
        } else if reason.starts_with("unknown field") {
            ("field.unknown", "there is a field that this route does not have", None)
        } else if reason.starts_with("duplicate field") {
            ("json.duplicate_key", "a field stands twice; remove one", field("duplicate field"))
        } else if reason.starts_with("missing field") {
            ("field.missing", "this field is needed", field("missing field"))
        } else {
            ("field.invalid", "a field has a value that does not fit it", None)
        };
        let refusal = Refusal::malformed(code, format!("{what} (line {}, column {})", error.line(), error.column()));
        if let Some(field) = field { refusal.at(&field) } else { refusal }
    })
}

/// Reads a body of one of the smaller routes as strictly as a request. `least` is one that is right, with nothing but the
/// members that it must have.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], least: fn() -> Value) -> Result<T, Refusal> {
    must_be_object(bytes)?;
    Ok(json::read(bytes, least)?)
}

fn too_large(limit: usize) -> Refusal {
    Refusal::with_status(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body.too_large",
        &format!("the body may have at most {limit} bytes; split the request"),
    )
}

/// The announced length; hyper has already refused one that is no number.
fn announced(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Refusal::malformed("body.length", "`Content-Length` is no number of bytes"))
}

/// JSON in UTF-8, not compressed, said once.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    match plain_type(headers)? {
        Some(media_type) if is_json(media_type) => Ok(()),
        Some(_) | None => {
            Err(wrong_type("body.media_type", "send the body as `Content-Type: application/json`, in UTF-8"))
        }
    }
}

/// The media type of a body that is not compressed; `None` when it is not said, or more than once.
pub(crate) fn plain_type(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| encoding != "identity") {
        return Err(wrong_type("body.encoding", "send the body without compression"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next().and_then(|only| only.to_str().ok());
    Ok(first.filter(|_| types.next().is_none()))
}

/// The body is of a kind that the operation does not read.
pub(crate) fn wrong_type(code: &'static str, detail: &str) -> Refusal {
    Refusal::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, detail)
}

fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn only_json_in_utf_8_is_json() {
        for right in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;"] {
            assert!(is_json(right), "{right}");
        }
        for wrong in ["", "text/json", "application/json+x", "application/json; charset=utf-16", "application/jsonx"] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }
}
