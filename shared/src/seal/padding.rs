//! Padding, so that the length of a sealed text does not tell the length of a password.

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The text is padded to a multiple of this many bytes.
const PAD: usize = 128;

/// The length, the text and zeros.
pub(super) fn pad(text: &SecretString) -> Zeroizing<Vec<u8>> {
    let text = text.expose_secret().as_bytes();
    let full = (text.len() + 4).next_multiple_of(PAD);
    // Made in its full size at once: a growing one would leave copies behind.
    let mut padded = Zeroizing::new(Vec::with_capacity(full));
    padded.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    padded.extend_from_slice(text);
    padded.resize(full, 0);
    padded
}

/// The text of what was padded.
pub(super) fn unpad(padded: &[u8]) -> Option<SecretString> {
    let (length, rest) = padded.split_first_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(SecretString::from(std::str::from_utf8(text).ok()?))
}
