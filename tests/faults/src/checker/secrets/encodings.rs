//! What a secret looks like when something else wrote it down.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A usual way to write bytes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Encoding {
    Plain,
    /// Base64, the secret beginning at a multiple of three bytes.
    Base64At0,
    Base64At1,
    Base64At2,
    /// The same with the alphabet of URLs.
    UrlBase64At0,
    UrlBase64At1,
    UrlBase64At2,
    HexLower,
    HexUpper,
    /// Each byte that is not unreserved in a URL as `%XX`.
    Percent,
    /// The same with lower-case digits.
    PercentLower,
    /// Each byte as `%XX`.
    PercentAll,
    QuotedPrintable,
    /// In a JSON string.
    Json,
    Utf16Le,
    Utf16Be,
    /// `79, 116, 116`, as bytes are shown by a debug format.
    Numbers,
}

impl Encoding {
    pub(super) const ALL: [Self; 17] = [
        Self::Plain,
        Self::Base64At0,
        Self::Base64At1,
        Self::Base64At2,
        Self::UrlBase64At0,
        Self::UrlBase64At1,
        Self::UrlBase64At2,
        Self::HexLower,
        Self::HexUpper,
        Self::Percent,
        Self::PercentLower,
        Self::PercentAll,
        Self::QuotedPrintable,
        Self::Json,
        Self::Utf16Le,
        Self::Utf16Be,
        Self::Numbers,
    ];

    /// For the report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Base64At0 | Self::Base64At1 | Self::Base64At2 => "base64",
            Self::UrlBase64At0 | Self::UrlBase64At1 | Self::UrlBase64At2 => "base64 for URLs",
            Self::HexLower | Self::HexUpper => "hexadecimal",
            Self::Percent | Self::PercentLower | Self::PercentAll => "percent-encoded",
            Self::QuotedPrintable => "quoted-printable",
            Self::Json => "as a JSON string",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Numbers => "as a list of numbers",
        }
    }

    /// The bytes to look for: those that do not depend on what stands before or behind the secret.
    pub(super) fn of(self, secret: &str) -> Vec<u8> {
        let bytes = secret.as_bytes();
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Base64At0 => base64(&STANDARD_NO_PAD, bytes, 0),
            Self::Base64At1 => base64(&STANDARD_NO_PAD, bytes, 1),
            Self::Base64At2 => base64(&STANDARD_NO_PAD, bytes, 2),
            Self::UrlBase64At0 => base64(&URL_SAFE_NO_PAD, bytes, 0),
            Self::UrlBase64At1 => base64(&URL_SAFE_NO_PAD, bytes, 1),
            Self::UrlBase64At2 => base64(&URL_SAFE_NO_PAD, bytes, 2),
            Self::HexLower => each(bytes, |byte| format!("{byte:02x}")),
            Self::HexUpper => each(bytes, |byte| format!("{byte:02X}")),
            Self::Percent => each(bytes, |byte| unless(is_unreserved(byte), byte, format!("%{byte:02X}"))),
            Self::PercentLower => each(bytes, |byte| unless(is_unreserved(byte), byte, format!("%{byte:02x}"))),
            Self::PercentAll => each(bytes, |byte| format!("%{byte:02X}")),
            Self::QuotedPrintable => {
                let plain = |byte: u8| byte != b'=' && (byte == b' ' || byte.is_ascii_graphic());
                each(bytes, |byte| unless(plain(byte), byte, format!("={byte:02X}")))
            }
            Self::Json => {
                let quoted = serde_json::Value::from(secret).to_string();
                quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted).as_bytes().to_vec()
            }
            Self::Utf16Le => secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => secret.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Numbers => bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes(),
        }
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn each(bytes: &[u8], write: impl Fn(u8) -> String) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| write(byte).into_bytes()).collect()
}

fn unless(plain: bool, byte: u8, escaped: String) -> String {
    if plain { char::from(byte).to_string() } else { escaped }
}

/// The characters that are the same whatever surrounds the secret, which begins `offset` bytes after a
/// multiple of three.
fn base64(engine: &impl base64::Engine, secret: &[u8], offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let mut text = engine.encode(&bytes).into_bytes();
    // The last character holds bits of what follows, unless the bits happen to come out even.
    if !(bytes.len() * 8).is_multiple_of(6) {
        text.pop();
    }
    text.drain(..(offset * 8).div_ceil(6));
    text
}
