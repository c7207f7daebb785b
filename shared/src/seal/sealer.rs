//! Many seals under one exchange of keys.
//!
//! The exchange (X25519) costs twenty times as much as everything else about a seal, and again at the opening. So a batch
//! makes one, and every password in it is encrypted under a key of its own, exported for its binding (RFC 9180, 5.3). A
//! number that grows within the batch is the nonce, so that not even two seals for the same binding share key and nonce.
//! ADR 0020 says what else was thought of.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce};
use hpke::aead::{AeadCtxR, AeadCtxS, ExportOnlyAead};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Binding, INFO, SealError, SealKey, Sealed, Suite, padding};

/// The first byte of what is sealed in this way.
const VERSION: u8 = 2;

/// Bytes of the encapsulated key.
const ENCAPPED: usize = 32;

/// Exchanges that are remembered. A batch of passwords is opened by and large together.
const REMEMBERED: usize = 64;

/// What a notifier knows of one exchange.
type Receiver = AeadCtxR<ExportOnlyAead, HkdfSha256, Suite>;

/// Seals a batch of passwords to one key. Make one for each batch, and a new one for the next.
pub struct Sealer<'a> {
    key: &'a SealKey,
    /// Made for the first password: most of the cost.
    exchange: OnceLock<Result<Exchange, SealError>>,
    number: AtomicU32,
}

struct Exchange {
    encapped: Vec<u8>,
    sender: AeadCtxS<ExportOnlyAead, HkdfSha256, Suite>,
}

impl<'a> Sealer<'a> {
    pub(super) const fn new(key: &'a SealKey) -> Self {
        Self { key, exchange: OnceLock::new(), number: AtomicU32::new(0) }
    }

    /// Seals a password for one purpose.
    ///
    /// # Errors
    /// When the key is not usable.
    pub fn seal(&self, password: &SecretString, binding: Binding) -> Result<Sealed, SealError> {
        let Exchange { encapped, sender } =
            self.exchange.get_or_init(|| exchange(self.key)).as_ref().map_err(Clone::clone)?;
        let number = self.number.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let binding = binding.bytes();
        let cipher = cipher(|key| sender.export(&binding, key)).ok_or(SealError::BadKey("no key could be derived"))?;
        let padded = padding::pad(password);
        let ciphertext = cipher
            .encrypt(&nonce(number), Payload { msg: &padded, aad: &binding })
            .map_err(|_| SealError::BadKey("the password could not be sealed"))?;
        let bytes = [&[VERSION], encapped.as_slice(), &number, &ciphertext].concat();
        Ok(Sealed { key_id: self.key.id.clone(), bytes })
    }
}

fn exchange(key: &SealKey) -> Result<Exchange, SealError> {
    let (encapped, sender) = hpke::setup_sender::<ExportOnlyAead, HkdfSha256, Suite>(&OpModeS::Base, &key.key, INFO)
        .map_err(|_| SealError::BadKey("the public key is not usable"))?;
    Ok(Exchange { encapped: encapped.to_bytes().to_vec(), sender })
}

/// The cipher of one binding.
fn cipher(export: impl FnOnce(&mut [u8]) -> Result<(), hpke::HpkeError>) -> Option<ChaCha20Poly1305> {
    let mut key = Zeroizing::new([0_u8; 32]);
    export(key.as_mut_slice()).ok()?;
    Some(ChaCha20Poly1305::new(&Key::from(*key)))
}

fn nonce([a, b, c, d]: [u8; 4]) -> Nonce {
    Nonce::from([0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])
}

/// The exchanges that were made last, by their encapsulated keys.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<(Vec<u8>, Arc<Receiver>)>>);

impl Recent {
    /// Opens what a [`Sealer`] sealed; `None` when it is damaged, or was sealed to another key or for another purpose.
    pub(super) fn open(
        &self,
        private: &<Suite as Kem>::PrivateKey,
        bytes: &[u8],
        binding: Binding,
    ) -> Option<SecretString> {
        let (encapped, rest) = bytes.strip_prefix(&[VERSION])?.split_at_checked(ENCAPPED)?;
        let (number, ciphertext) = rest.split_first_chunk::<4>()?;
        let receiver = self.receiver(private, encapped)?;
        let binding = binding.bytes();
        let cipher = cipher(|key| receiver.export(&binding, key))?;
        let payload = Payload { msg: ciphertext, aad: &binding };
        padding::unpad(&Zeroizing::new(cipher.decrypt(&nonce(*number), payload).ok()?))
    }

    fn receiver(&self, private: &<Suite as Kem>::PrivateKey, encapped: &[u8]) -> Option<Arc<Receiver>> {
        if let Some((_, known)) = self.lock().iter().find(|(key, _)| key == encapped) {
            return Some(Arc::clone(known));
        }
        let key = <Suite as Kem>::EncappedKey::from_bytes(encapped).ok()?;
        let made = hpke::setup_receiver::<ExportOnlyAead, HkdfSha256, Suite>(&OpModeR::Base, private, &key, INFO);
        let made = Arc::new(made.ok()?);
        let mut recent = self.lock();
        recent.truncate(REMEMBERED - 1);
        recent.push_front((encapped.to_vec(), Arc::clone(&made)));
        Some(made)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Vec<u8>, Arc<Receiver>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use secrecy::ExposeSecret as _;

    use super::super::{KeyRing, fresh_pair};
    use super::*;
    use crate::ids::{AccountId, AttemptId, DistrictId};

    fn binding() -> Binding {
        Binding::Account(DistrictId::fresh(), AccountId::fresh(), AttemptId::fresh())
    }

    #[test]
    fn each_of_a_batch_opens_for_its_own_binding_alone_and_in_any_order() {
        let (open, seal) = fresh_pair();
        let ring = KeyRing::from(open);
        let sealer = seal.sealer();
        let mut batch: Vec<_> = (0..200)
            .map(|n| {
                let binding = binding();
                (n, binding, sealer.seal(&SecretString::from(format!("Otter-lamp-{n}")), binding).expect("seal"))
            })
            .collect();
        batch.reverse();
        for (n, binding, sealed) in &batch {
            assert_eq!(ring.open(sealed, *binding).expect("open").expose_secret(), format!("Otter-lamp-{n}"));
        }
        let (_, first, _) = &batch[0];
        for (_, _, sealed) in &batch[1..] {
            assert_eq!(ring.open(sealed, *first).err(), Some(SealError::DoesNotOpen));
        }
    }

    #[test]
    fn two_seals_for_one_binding_share_nothing_that_can_be_seen() {
        let (_, seal) = fresh_pair();
        let (sealer, ours) = (seal.sealer(), binding());
        let password = SecretString::from("Otter-lamp-47");
        let texts: HashSet<Vec<u8>> =
            (0..8).map(|_| sealer.seal(&password, ours).expect("seal").bytes[1 + ENCAPPED + 4..].to_vec()).collect();
        assert_eq!(texts.len(), 8, "the same password gives another ciphertext each time");
    }

    #[test]
    fn damage_anywhere_is_seen() {
        let (open, seal) = fresh_pair();
        let ours = binding();
        let sealed = seal.sealer().seal(&SecretString::from("Otter-lamp-47"), ours).expect("seal");
        for at in 0..sealed.bytes.len() {
            let mut damaged = sealed.clone();
            damaged.bytes[at] ^= 4;
            assert_eq!(open.open(&damaged, ours).err(), Some(SealError::DoesNotOpen), "byte {at}");
        }
        for length in 0..sealed.bytes.len() {
            let mut cut = sealed.clone();
            cut.bytes.truncate(length);
            assert_eq!(open.open(&cut, ours).err(), Some(SealError::DoesNotOpen), "{length} bytes");
        }
        assert!(open.open(&sealed, ours).is_ok());
    }

    #[test]
    fn more_batches_than_are_remembered_open_all_the_same() {
        let (open, seal) = fresh_pair();
        let sealed: Vec<_> = (0..REMEMBERED * 2)
            .map(|_| {
                let binding = binding();
                (binding, seal.sealer().seal(&SecretString::from("Otter-lamp-47"), binding).expect("seal"))
            })
            .collect();
        for (binding, sealed) in sealed.iter().chain(&sealed) {
            assert!(open.open(sealed, *binding).is_ok());
        }
        assert_eq!(open.recent.lock().len(), REMEMBERED);
    }
}
