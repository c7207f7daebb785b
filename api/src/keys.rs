//! API keys: `kb_<id, 32 hexadecimal digits>_<secret, 64 hexadecimal digits>`.
//!
//! The ledger stores SHA-256 of the 32 secret bytes. They are 256 random bits, so a fast hash is enough (ASVS 6.5.2).
//! The text is shown once, when the key is made.

use keybell_shared::ids::ApiKeyId;
use rand::Rng as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use crate::hex;

/// Makes a new key: its id, its whole text for the holder, and the hash of its secret for the ledger.
///
/// # Panics
/// When the operating system has no random numbers; nothing safe can be done then.
#[must_use]
pub fn mint() -> (ApiKeyId, SecretString, Vec<u8>) {
    let id = ApiKeyId::fresh();
    let mut secret = Zeroizing::new([0_u8; 32]);
    UnwrapErr(SysRng).fill_bytes(secret.as_mut());
    let mut digits = hex::write(secret.as_ref());
    let text = SecretString::from(format!("kb_{}_{digits}", id.0.simple()));
    digits.zeroize();
    (id, text, Sha256::digest(secret.as_ref()).to_vec())
}

/// The text of a key, read.
pub struct Presented {
    /// The key's id.
    pub id: ApiKeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl Presented {
    /// What the key is remembered by in this process: its hash, and not the key.
    pub(crate) fn mark(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.id.0).chain_update(self.secret.as_ref()).finalize().into()
    }

    /// Whether the secret is the one with this stored hash, in constant time.
    #[must_use]
    pub fn matches(&self, secret_hash: &[u8]) -> bool {
        Sha256::digest(self.secret.as_ref()).as_slice().ct_eq(secret_hash).into()
    }
}

/// Reads the text of a key; `None` when it is no such text.
#[must_use]
pub fn parse(text: &str) -> Option<Presented> {
    let (id, secret) = text.strip_prefix("kb_")?.split_once('_')?;
    let id = ApiKeyId(Uuid::from_bytes(hex::read(id)?));
    Some(Presented { id, secret: Zeroizing::new(hex::read(secret)?) })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_minted_key_is_read_back_and_matches_only_its_own_hash() {
        let (id, text, hash) = mint();
        let (_, _, other) = mint();
        let text = text.expose_secret();
        assert_eq!(text.len(), 3 + 32 + 1 + 64);
        let key = parse(text).expect("its own text");
        assert_eq!(key.id, id);
        assert_eq!(hash.len(), 32);
        assert!(key.matches(&hash));
        assert!(!key.matches(&other));
        assert!(!key.matches(&[]));
        assert!(!key.matches(&hash[..31]));
    }

    #[test]
    fn anything_else_is_no_key() {
        let (_, text, _) = mint();
        let text = text.expose_secret();
        for wrong in [
            "",
            "kb_",
            "kb__",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!("{text} "),
            &text.to_uppercase(),
            &text.replace('_', "-"),
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
