//! The private halves of one reader: today's, and those before it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;

use super::{Binding, OpenKey, SealError, Sealed};

/// Looks for the private key of this name where keys are kept; it may have come since the process started.
pub type Look = dyn Fn(&str) -> Option<OpenKey> + Send + Sync;

/// Every private key of one reader. After a rotation, what was sealed before it still opens.
pub struct KeyRing {
    keys: RwLock<Vec<Arc<OpenKey>>>,
    look: Option<Box<Look>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({})", self.ids().join(", "))
    }
}

impl From<OpenKey> for KeyRing {
    fn from(key: OpenKey) -> Self {
        Self::new(vec![key])
    }
}

impl KeyRing {
    /// A ring of these keys.
    #[must_use]
    pub fn new(keys: Vec<OpenKey>) -> Self {
        Self { keys: RwLock::new(keys.into_iter().map(Arc::new).collect()), look: None }
    }

    /// A ring that looks for a key it does not have, so that a rotation needs no restart of those who open.
    #[must_use]
    pub fn looking(self, look: Box<Look>) -> Self {
        Self { look: Some(look), ..self }
    }

    /// The names of the keys.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).iter().map(|key| key.id().to_owned()).collect()
    }

    /// Opens a sealed password with the key that it was sealed to.
    ///
    /// # Errors
    /// When that key is not here, or as [`OpenKey::open`] says.
    pub fn open(&self, sealed: &Sealed, binding: Binding) -> Result<SecretString, SealError> {
        match self.key(&sealed.key_id) {
            Some(key) => key.open(sealed, binding),
            None => Err(SealError::OtherKey { sealed: sealed.key_id.clone(), held: self.ids().join("`, `") }),
        }
    }

    fn key(&self, id: &str) -> Option<Arc<OpenKey>> {
        let held = self.keys.read().unwrap_or_else(PoisonError::into_inner).iter().find(|key| key.id() == id).cloned();
        held.or_else(|| {
            let found = Arc::new(self.look.as_ref()?(id)?);
            self.keys.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&found));
            Some(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::fresh_pair;
    use super::*;
    use crate::ids::{DistrictId, TaskId};

    #[test]
    fn what_was_sealed_before_a_rotation_still_opens() {
        let (old, old_seal) = fresh_pair();
        let (new, new_seal) = fresh_pair();
        let (other, other_seal) = fresh_pair();
        let binding = Binding::Task(DistrictId::fresh(), TaskId::fresh());
        let password = SecretString::from("Otter-lamp-47");
        let seal = |key: &super::super::SealKey| key.seal(&password, binding).expect("seal");
        let ring = KeyRing::new(vec![new, old]);
        for key in [&old_seal, &new_seal] {
            assert_eq!(ring.open(&seal(key), binding).expect("open").expose_secret(), "Otter-lamp-47");
        }
        assert!(matches!(ring.open(&seal(&other_seal), binding), Err(SealError::OtherKey { .. })));
        let text = other.to_text();
        let ring = ring.looking(Box::new(move |id| OpenKey::from_text(&text).ok().filter(|key| key.id() == id)));
        assert!(ring.open(&seal(&other_seal), binding).is_ok(), "it came since");
        assert_eq!(ring.ids().len(), 3);
    }
}
