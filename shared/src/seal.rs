//! Sealed passwords: encrypted to one reader's public key and bound to what they are for.
//!
//! HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305. The key is made for the binding, so that a
//! sealed password moved to another account cannot be opened; the text is padded, so that its length is hidden. Whoever
//! seals holds only the public key.

mod padding;
mod ring;
mod sealer;

use std::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use self::sealer::Recent;
use crate::ids::{AccountId, AttemptId, DistrictId, TaskId};

pub use ring::{KeyRing, Look};
pub use sealer::Sealer;

type Suite = X25519HkdfSha256;

const INFO: &[u8] = b"keybell sealed password v1";

/// A sealed password and the name of the key that opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Names the key pair.
    pub key_id: String,
    /// The format's version, the encapsulated key, a number and the ciphertext.
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
    /// The seed of one account's one-time links, drawn in one attempt; for the notifiers.
    Link(DistrictId, AccountId, AttemptId),
    /// A task's shared password; for the reset workers.
    Task(DistrictId, TaskId),
    /// The password that was uploaded for one account of a task; for the reset workers.
    Upload(DistrictId, TaskId, AccountId),
}

impl Binding {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Account(district, account, attempt) => format!("account|{district}|{account}|{attempt}"),
            Self::Link(district, account, attempt) => format!("link|{district}|{account}|{attempt}"),
            Self::Task(district, task) => format!("task|{district}|{task}"),
            Self::Upload(district, task, account) => format!("upload|{district}|{task}|{account}"),
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
    recent: Recent,
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
    (OpenKey { id: id.clone(), key: private, recent: Recent::default() }, SealKey { id, key: public })
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
        self.sealer().seal(password, binding)
    }

    /// Seals a batch of passwords, which costs little more than sealing one.
    #[must_use]
    pub const fn sealer(&self) -> Sealer<'_> {
        Sealer::new(self)
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
        Ok(Self { id, key, recent: Recent::default() })
    }

    /// Opens a sealed password.
    ///
    /// # Errors
    /// When it was sealed to another key, is damaged, or was sealed for another purpose.
    pub fn open(&self, sealed: &Sealed, binding: Binding) -> Result<SecretString, SealError> {
        if sealed.key_id != self.id {
            return Err(SealError::OtherKey { sealed: sealed.key_id.clone(), held: self.id.clone() });
        }
        self.recent.open(&self.key, &sealed.bytes, binding).ok_or(SealError::DoesNotOpen)
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
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
    use secrecy::ExposeSecret as _;

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
