//! Sealed passwords: encrypted to one reader's public key and bound to what they are for.
//!
//! HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305. The binding is the associated data, so
//! that a sealed password moved to another account cannot be opened; the text is padded, so that its length is hidden.
//! Whoever seals holds only the public key.

mod ring;

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ids::{AccountId, AttemptId, DistrictId, TaskId};

pub use ring::{KeyRing, Look};

type Suite = X25519HkdfSha256;

/// The text is padded to a multiple of this many bytes.
const PAD: usize = 128;
const INFO: &[u8] = b"keybell sealed password v1";

/// A sealed password and the name of the key that opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Names the key pair.
    pub key_id: String,
    /// The encapsulated key, followed by the ciphertext.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {}, {} bytes)", self.key_id, self.bytes.len())
    }
}

/// What a sealed password is for. It opens for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// One account's new password, drawn in one attempt; for the notifiers.
    Account(DistrictId, AccountId, AttemptId),
    /// A task's shared password; for the reset workers.
    Task(DistrictId, TaskId),
}

impl Binding {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Account(district, account, attempt) => format!("account|{district}|{account}|{attempt}"),
            Self::Task(district, task) => format!("task|{district}|{task}"),
        }
        .into_bytes()
    }
}

/// Why something could not be sealed or opened. Says nothing about the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key file's text is no key.
    #[error("this is no Keybell key: {0}")]
    BadKey(&'static str),
    /// Sealed to another key.
    #[error("sealed to key `{sealed}`, but the key at hand is `{held}`")]
    OtherKey {
        /// The key that would open it.
        sealed: String,
        /// The key that was tried.
        held: String,
    },
    /// Damaged, or bound to something else.
    #[error("the sealed password does not open: it is damaged or belongs to something else")]
    DoesNotOpen,
}

/// The public half: seals.
#[derive(Clone)]
pub struct SealKey {
    id: String,
    key: <Suite as Kem>::PublicKey,
}

/// The private half: opens.
pub struct OpenKey {
    id: String,
    key: <Suite as Kem>::PrivateKey,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenKey({})", self.id)
    }
}

/// Draws a new key pair.
#[must_use]
pub fn fresh_pair() -> (OpenKey, SealKey) {
    let (private, public) = Suite::gen_keypair();
    let id = key_id(&public.to_bytes());
    (OpenKey { id: id.clone(), key: private }, SealKey { id, key: public })
}

/// The first 16 hexadecimal digits of the public key's SHA-256.
fn key_id(public: &[u8]) -> String {
    hex(Sha256::digest(public).get(..8).unwrap_or_default())
}

impl SealKey {
    /// The key's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text of a public key file.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("keybell-public-key-v1 {}\n", hex(&self.key.to_bytes()))
    }

    /// Reads the text of a public key file.
    ///
    /// # Errors
    /// When the text is no public key.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let bytes = key_bytes(text, "keybell-public-key-v1")?;
        let key = <Suite as Kem>::PublicKey::from_bytes(&bytes).map_err(|_| SealError::BadKey("wrong length"))?;
        Ok(Self { id: key_id(&bytes), key })
    }

    /// Seals a password for one purpose.
    ///
    /// # Errors
    /// When the key is not usable.
    pub fn seal(&self, password: &SecretString, binding: Binding) -> Result<Sealed, SealError> {
        let text = password.expose_secret().as_bytes();
        let mut padded = Zeroizing::new(Vec::with_capacity(text.len() + PAD + 4));
        padded.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        padded.extend_from_slice(text);
        let full = padded.len().next_multiple_of(PAD);
        padded.resize(full, 0);
        let (encapped, mut context) =
            hpke::setup_sender::<ChaCha20Poly1305, HkdfSha256, Suite>(&OpModeS::Base, &self.key, INFO)
                .map_err(|_| SealError::BadKey("the public key is not usable"))?;
        let ciphertext = context
            .seal(&padded, &binding.bytes())
            .map_err(|_| SealError::BadKey("the password could not be sealed"))?;
        let mut bytes = encapped.to_bytes().to_vec();
        bytes.extend_from_slice(&ciphertext);
        Ok(Sealed { key_id: self.id.clone(), bytes })
    }
}

impl OpenKey {
    /// The key's name, the same as its public half's.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half.
    #[must_use]
    pub fn seal_key(&self) -> SealKey {
        SealKey { id: self.id.clone(), key: Suite::sk_to_pk(&self.key) }
    }

    /// The text of a private key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("keybell-private-key-v1 {}\n", hex(&self.key.to_bytes())))
    }

    /// Reads the text of a private key file.
    ///
    /// # Errors
    /// When the text is no private key.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(key_bytes(text, "keybell-private-key-v1")?);
        let key = <Suite as Kem>::PrivateKey::from_bytes(&bytes).map_err(|_| SealError::BadKey("wrong length"))?;
        let id = key_id(&Suite::sk_to_pk(&key).to_bytes());
        Ok(Self { id, key })
    }

    /// Opens a sealed password.
    ///
    /// # Errors
    /// When it was sealed to another key, is damaged, or was sealed for another purpose.
    pub fn open(&self, sealed: &Sealed, binding: Binding) -> Result<SecretString, SealError> {
        if sealed.key_id != self.id {
            return Err(SealError::OtherKey { sealed: sealed.key_id.clone(), held: self.id.clone() });
        }
        let (encapped, ciphertext) = sealed.bytes.split_at_checked(32).ok_or(SealError::DoesNotOpen)?;
        let encapped = <Suite as Kem>::EncappedKey::from_bytes(encapped).map_err(|_| SealError::DoesNotOpen)?;
        let mut context =
            hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(&OpModeR::Base, &self.key, &encapped, INFO)
                .map_err(|_| SealError::DoesNotOpen)?;
        let padded = Zeroizing::new(context.open(ciphertext, &binding.bytes()).map_err(|_| SealError::DoesNotOpen)?);
        let (length, rest) = padded.split_at_checked(4).ok_or(SealError::DoesNotOpen)?;
        let length = length.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        let text = rest.get(..length).ok_or(SealError::DoesNotOpen)?;
        let text = std::str::from_utf8(text).map_err(|_| SealError::DoesNotOpen)?;
        Ok(SecretString::from(text))
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Reads hexadecimal; `None` when it is none.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn key_bytes(text: &str, header: &str) -> Result<Vec<u8>, SealError> {
    let body = text
        .trim()
        .strip_prefix(header)
        .ok_or(SealError::BadKey("the file does not begin as a key of this kind does"))?;
    unhex(body.trim()).ok_or(SealError::BadKey("the key is not hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding::Account(DistrictId::fresh(), AccountId::fresh(), AttemptId::fresh())
    }

    #[test]
    fn opens_for_its_own_binding_and_key_only() {
        let (open, seal) = fresh_pair();
        let ours = binding();
        let sealed = seal.seal(&SecretString::from("Otter-lamp-47"), ours).expect("seal");
        assert_eq!(open.open(&sealed, ours).expect("open").expose_secret(), "Otter-lamp-47");
        assert_eq!(open.open(&sealed, binding()).err(), Some(SealError::DoesNotOpen));
        let (other, _) = fresh_pair();
        assert!(matches!(other.open(&sealed, ours), Err(SealError::OtherKey { .. })));
        let mut damaged = sealed.clone();
        damaged.bytes[40] ^= 1;
        assert_eq!(open.open(&damaged, ours).err(), Some(SealError::DoesNotOpen));
    }

    #[test]
    fn the_length_is_hidden_and_keys_survive_their_files() {
        let (open, seal) = fresh_pair();
        let short = seal.seal(&SecretString::from("a"), binding()).expect("seal");
        let ours = binding();
        let long = seal.seal(&SecretString::from("a".repeat(64)), ours).expect("seal");
        assert_eq!(short.bytes.len(), long.bytes.len());
        let again = OpenKey::from_text(&open.to_text()).expect("private");
        assert_eq!(again.open(&long, ours).expect("open").expose_secret().len(), 64);
        assert_eq!(SealKey::from_text(&seal.to_text()).expect("public").id(), open.id());
        assert!(OpenKey::from_text(&seal.to_text()).is_err());
    }
}
