//! Reading the page's form. Read here, because what it holds is wiped afterwards, which no reader of forms does.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::body::gather;
use crate::refusal::Refusal;

/// The largest form, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// The form, for the description of the API.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes; `read` reads")]
pub(super) struct ClaimForm {
    /// The new password.
    #[schema(value_type = String, format = Password, write_only)]
    password: String,
    /// The same once more.
    #[schema(value_type = String, format = Password, write_only)]
    again: String,
}

/// What the person typed; blank where a field is missing.
pub(super) struct Typed {
    pub(super) password: SecretString,
    pub(super) again: SecretString,
}

/// Reads the form.
pub(super) async fn read(request: Request<Body>) -> Result<Typed, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let bytes = gather(request, MAX_FORM).await?;
    Ok(Typed { password: field(&bytes, b"password")?, again: field(&bytes, b"again")? })
}

/// The first field of this name.
fn field(form: &[u8], name: &[u8]) -> Result<SecretString, Refusal> {
    let value = form.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="));
    let decoded = decode(value.unwrap_or_default());
    let text =
        std::str::from_utf8(&decoded).map_err(|_| Refusal::malformed("body.not_utf8", "the form is not in UTF-8"))?;
    Ok(SecretString::from(text))
}

/// `+` and `%41` as what they stand for; a `%` before anything else stays.
fn decode(value: &[u8]) -> Zeroizing<Vec<u8>> {
    // Nothing gets longer: the bytes never move, and no copy is left behind.
    let mut out = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, escaped(after)) {
            (b'%', Some(meant)) => {
                out.push(meant);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => out.push(b' '),
            (plain, _) => out.push(plain),
        }
    }
    out
}

/// The byte that two hexadecimal digits stand for.
fn escaped(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = b"x=1&password=Otter+%26+caf%C3%A9%3d100%25%&again=&password=second";
        assert_eq!(field(form, b"password").expect("a field").expose_secret(), "Otter & café=100%%");
        for missing in ["again", "other", "pass"] {
            assert_eq!(field(form, missing.as_bytes()).expect("a field").expose_secret(), "", "{missing}");
        }
        assert!(field(b"password=%ff", b"password").is_err(), "not UTF-8");
    }
}
