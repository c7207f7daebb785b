//! One-time links: where a person chooses a new password without anybody having sent one.
//!
//! A reset worker draws a seed and seals it to the notifiers. Each channel has a token of its own, derived from the seed,
//! so that each can have its own validity; the ledger keeps only the tokens' hashes. A link opens what its hash stands
//! for, once, and only while the account's password is the one that it was made for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::notice::Channel;
use crate::seal::hex;

/// How long a link that went by e-mail is good for.
pub const EMAIL_VALID: Duration = Duration::from_hours(24);

/// How long a link that went by SMS is good for.
pub const SMS_VALID: Duration = Duration::from_mins(10);

/// The characters of a token: 256 bits in base64url.
pub const TOKEN_CHARS: usize = 43;

/// How long a link is good for after it was handed to its channel.
#[must_use]
pub const fn valid_for(channel: Channel) -> Duration {
    match channel {
        Channel::Email => EMAIL_VALID,
        Channel::Sms => SMS_VALID,
    }
}

/// The same in words, for messages.
#[must_use]
pub const fn valid_words(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "24 hours",
        Channel::Sms => "10 minutes",
    }
}

/// What the tokens of one account's links are derived from. It travels as text, sealed to the notifiers.
pub struct Seed(SecretString);

impl Seed {
    /// A seed from 256 random bits.
    #[must_use]
    pub fn of(random: &[u8; 32]) -> Self {
        Self(SecretString::from(URL_SAFE_NO_PAD.encode(random)))
    }

    /// A seed that was opened from its seal.
    #[must_use]
    pub const fn opened(text: SecretString) -> Self {
        Self(text)
    }

    /// The text to be sealed.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.0
    }

    /// The token of a channel.
    #[must_use]
    pub fn token(&self, channel: Channel) -> SecretString {
        let mut hasher = Sha256::new();
        hasher.update(b"keybell link token v1|");
        hasher.update(channel.as_str());
        hasher.update(b"|");
        hasher.update(self.0.expose_secret());
        let digest = Zeroizing::new(<[u8; 32]>::from(hasher.finalize()));
        SecretString::from(URL_SAFE_NO_PAD.encode(digest.as_slice()))
    }
}

/// Whether a text has the shape of a token; what has not need not be looked up.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// What the ledger keeps of a token: its SHA-256, in hexadecimal. A token has 256 random bits, so no salt is needed.
#[must_use]
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_a_token_of_its_own_which_says_nothing_of_the_seed() {
        let seed = Seed::of(&[7; 32]);
        let (email, sms) = (seed.token(Channel::Email), seed.token(Channel::Sms));
        assert_ne!(email.expose_secret(), sms.expose_secret());
        for token in [&email, &sms] {
            assert!(is_token(token.expose_secret()));
            assert_ne!(token.expose_secret(), seed.text().expose_secret());
            assert_eq!(hash(token.expose_secret()).len(), 64);
        }
        let again = Seed::opened(seed.text().clone());
        assert_eq!(again.token(Channel::Email).expose_secret(), email.expose_secret());
        assert_ne!(Seed::of(&[8; 32]).token(Channel::Email).expose_secret(), email.expose_secret());
    }

    #[test]
    fn only_the_shape_of_a_token_is_looked_up() {
        assert!(is_token(&"a-_Z9".repeat(9)[..TOKEN_CHARS]));
        for other in ["", "short", &"a".repeat(44), &"a".repeat(42), &format!("{}=", "a".repeat(42)), &"é".repeat(43)]
        {
            assert!(!is_token(other), "{other}");
        }
    }

    #[test]
    fn the_words_say_what_the_numbers_are() {
        assert_eq!((valid_words(Channel::Email), valid_for(Channel::Email)), ("24 hours", Duration::from_hours(24)));
        assert_eq!((valid_words(Channel::Sms), valid_for(Channel::Sms)), ("10 minutes", Duration::from_mins(10)));
    }
}
