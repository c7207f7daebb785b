//! The master key from which every endpoint's secret is derived, and the signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

use crate::ids::WebhookId;
use crate::seal::{hex, unhex};

const HEADER: &str = "keybell-webhook-key-v1";

/// The master key. An endpoint's secret is the HMAC-SHA256 over its id and generation with this key, so that the
/// database never holds one, and a new generation is a new secret.
#[derive(Clone)]
pub struct WebhookKey(Zeroizing<[u8; 32]>);

/// The text of a key file that is none. Says nothing about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no Keybell webhook key")]
pub struct KeyTextError;

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKey({})", self.id())
    }
}

impl WebhookKey {
    /// The key with these bytes; draw them from the system's random source.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When the text is no webhook key.
    pub fn from_text(text: &str) -> Result<Self, KeyTextError> {
        let digits = text.trim().strip_prefix(HEADER).ok_or(KeyTextError)?;
        let bytes = Zeroizing::new(unhex(digits.trim()).ok_or(KeyTextError)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyTextError)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The text of a key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex(self.0.as_slice()));
        Zeroizing::new(format!("{HEADER} {}\n", digits.as_str()))
    }

    /// The key's name: 16 hexadecimal digits. An endpoint notes it, so that a changed key file is recognised.
    #[must_use]
    pub fn id(&self) -> String {
        let tag = Zeroizing::new(hmac(self.0.as_slice(), &[b"keybell webhook key id"]));
        hex(tag.get(..8).unwrap_or_default())
    }

    /// The secret of one generation of an endpoint, as its receiver configures it: `whsec_` and base64.
    #[must_use]
    pub fn secret(&self, webhook: WebhookId, generation: i64) -> SecretString {
        let text = Zeroizing::new(BASE64.encode(self.raw(webhook, generation).as_slice()));
        SecretString::from(format!("whsec_{}", text.as_str()))
    }

    fn raw(&self, webhook: WebhookId, generation: i64) -> Zeroizing<[u8; 32]> {
        let purpose = format!("keybell webhook secret v1|{webhook}|{generation}");
        Zeroizing::new(hmac(self.0.as_slice(), &[purpose.as_bytes()]))
    }
}

/// The signatures of one message, one per secret, separated by spaces: `v1,` and the base64 of HMAC-SHA256 over
/// `id.timestamp.body`. `timestamp` is in seconds since 1970.
///
/// A secret that is not `whsec_` and base64 adds nothing.
#[must_use]
pub fn sign(secrets: &[SecretString], id: &str, timestamp: i64, body: &str) -> String {
    let signatures = secrets.iter().filter_map(|secret| {
        let text = secret.expose_secret().strip_prefix("whsec_")?;
        let key = Zeroizing::new(BASE64.decode(text).ok()?);
        let timestamp = timestamp.to_string();
        let tag = hmac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body.as_bytes()]);
        Some(format!("v1,{}", BASE64.encode(tag)))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> WebhookKey {
        WebhookKey::from_bytes(Zeroizing::new([byte; 32]))
    }

    /// The example of the specification's own libraries.
    #[test]
    fn the_signature_is_the_specifications() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_endpoint_generation_and_master_has_a_secret_of_its_own() {
        let (one, other) = (WebhookId::fresh(), WebhookId::fresh());
        let text = |key: &WebhookKey, id, generation| key.secret(id, generation).expose_secret().to_owned();
        let first = text(&key(1), one, 1);
        assert_eq!(first, text(&key(1), one, 1), "derived again");
        assert_eq!(first.len(), "whsec_".len() + 44);
        let others = [text(&key(1), one, 2), text(&key(1), other, 1), text(&key(2), one, 1)];
        assert!(!others.contains(&first));
    }

    #[test]
    fn a_key_survives_its_file_and_two_secrets_sign_twice() {
        let again = WebhookKey::from_text(&key(7).to_text()).expect("its own text");
        assert_eq!(again.id(), key(7).id());
        assert_ne!(again.id(), key(8).id());
        assert!(!format!("{again:?}").contains("0707"));
        for wrong in ["", "keybell-webhook-key-v1", "keybell-webhook-key-v1 0707", "keybell-private-key-v1 07"] {
            assert!(WebhookKey::from_text(wrong).is_err(), "{wrong}");
        }
        let id = WebhookId::fresh();
        let both = sign(&[again.secret(id, 2), again.secret(id, 1)], "msg_1", 1, "{}");
        assert_eq!(both.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
    }
}
