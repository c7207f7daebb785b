//! The lane in which sign-in passwords are checked and hashed: a few at a time, a bounded number waiting, with memory
//! that is kept between them. It is apart from the hashing of bulk resets, so that neither waits for the other.
//!
//! The fast engine computes; the reference crate `argon2` checks every new hash before it is stored, and the decoy once.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2_rust::params::{Memory, Params};
use argon2_rust::{Algorithm, Argon2, Error, Hasher, Version};
use keybell_shared::config::Hashing;
use keybell_shared::password::normalise;
use keybell_shared::problem::{Problem, ProblemKind};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// Hashes computed at a time.
const AT_A_TIME: usize = 2;
/// Hashes that may wait. At 25 ms each the last one waits less than a second.
const WAITING: usize = 64;

/// What an account's password is compared with.
pub(crate) enum Stored {
    /// The stored PHC string.
    Hash(String),
    /// There is nothing to compare with; the same work is done all the same, so that time does not tell.
    Decoy,
}

/// The lane.
pub(crate) struct Lane {
    admission: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    bench: Arc<Bench>,
}

/// What the computing threads share.
struct Bench {
    argon2: Result<Argon2, Error>,
    idle: Mutex<Vec<Hasher>>,
    decoy: OnceLock<Result<String, Broken>>,
}

/// The engine did not do its work, or the reference disagrees with it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

impl Lane {
    /// A lane that hashes at this cost.
    pub(crate) fn new(cost: Hashing) -> Self {
        let argon2 = params(cost).map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params));
        Self {
            admission: Arc::new(Semaphore::new(AT_A_TIME + WAITING)),
            slots: Arc::new(Semaphore::new(AT_A_TIME)),
            bench: Arc::new(Bench { argon2, idle: Mutex::default(), decoy: OnceLock::new() }),
        }
    }

    /// Whether the password is the stored one. A decoy never is.
    pub(crate) async fn verify(&self, password: &SecretString, stored: Stored) -> Result<bool, Refusal> {
        let text = normalise(password.expose_secret());
        self.run(move |bench| bench.verify(text.as_bytes(), &stored)).await
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, Refusal> {
        let text = normalise(password.expose_secret());
        self.run(move |bench| bench.hash(text.as_bytes())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Bench) -> Result<T, Broken> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Ok(admitted) = Arc::clone(&self.admission).try_acquire_owned() else { return Err(busy()) };
        // The semaphores are never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| busy())?;
        let bench = Arc::clone(&self.bench);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller who goes away must not make room for a third hash.
            let _held = (admitted, slot);
            work(&bench)
        });
        match done.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(Broken(reason))) => Err(broken(&reason)),
            Err(_) => Err(broken("the hashing thread panicked")),
        }
    }
}

impl Bench {
    fn verify(&self, password: &[u8], stored: &Stored) -> Result<bool, Broken> {
        // Made before the first check of any kind, so that the first decoy costs what the others cost.
        let decoy = self.decoy.get_or_init(|| self.hash(b"nobody has this password")).clone()?;
        let (phc, real) = match stored {
            Stored::Hash(phc) => (phc, true),
            Stored::Decoy => (&decoy, false),
        };
        let ceiling = ceiling()?;
        let matched = self.with_hasher(|hasher| {
            match hasher.verify_encoded_bounded(phc, password, Algorithm::Argon2id, &ceiling) {
                Ok(()) => Ok(true),
                Err(Error::VerifyMismatch) => Ok(false),
                Err(error) => Err(Broken(format!("a stored hash cannot be checked: {error}"))),
            }
        })?;
        Ok(matched && real)
    }

    fn hash(&self, password: &[u8]) -> Result<String, Broken> {
        use argon2::{PasswordHash, PasswordVerifier as _};
        let phc = self.with_hasher(|hasher| {
            hasher.hash_password_with_random_salt(password).map_err(|error| Broken(format!("hashing failed: {error}")))
        })?;
        let agreed = PasswordHash::new(&phc)
            .is_ok_and(|parsed| argon2::Argon2::default().verify_password(password, &parsed).is_ok());
        if agreed { Ok(phc) } else { Err(Broken("the reference does not accept the fast engine's hash".to_owned())) }
    }

    /// Lends out a hasher with its memory.
    fn with_hasher<T>(&self, work: impl FnOnce(&mut Hasher) -> Result<T, Broken>) -> Result<T, Broken> {
        let argon2 = self.argon2.map_err(|error| Broken(format!("the cost of a hash is not usable: {error}")))?;
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut hasher = kept.unwrap_or_else(|| argon2.hasher());
        let result = work(&mut hasher);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(hasher);
        result
    }
}

fn params(cost: Hashing) -> Result<Params, Error> {
    Params::builder()
        .memory(Memory::kib(u64::from(cost.memory_kib)))
        .passes(cost.passes)
        .lanes(cost.lanes)
        .threads(1)
        .build()
}

/// The most expensive hash that the configuration could ever have asked for.
fn ceiling() -> Result<Params, Broken> {
    params(Hashing { memory_kib: 4 * 1024 * 1024, passes: 64, lanes: 16, threads: 1 })
        .map_err(|error| Broken(format!("the ceiling is not usable: {error}")))
}

fn busy() -> Refusal {
    Problem::new(ProblemKind::Unavailable, "sign_in.busy", "too many sign-ins at once; repeat the request in a second")
        .into()
}

fn broken(reason: &str) -> Refusal {
    tracing::error!(reason, "a password could not be checked or hashed");
    Problem::new(ProblemKind::Internal, "internal", "something is wrong inside Keybell; the log says more").into()
}

#[cfg(test)]
mod tests {
    use keybell_shared::clock::Stopwatch;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_opens_with_its_password_only() {
        let lane = Lane::new(Hashing::default());
        let phc = lane.hash(&secret("Otter-lamp-47é")).await.expect("a hash");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let again = lane.hash(&secret("Otter-lamp-47é")).await.expect("a hash");
        assert_ne!(phc, again, "each has its own salt");
        let decomposed = secret("Otter-lamp-47e\u{301}");
        assert!(lane.verify(&decomposed, Stored::Hash(phc.clone())).await.expect("checked"), "one normal form");
        assert!(!lane.verify(&secret("otter-lamp-47é"), Stored::Hash(phc)).await.expect("checked"));
        assert!(!lane.verify(&secret("nobody has this password"), Stored::Decoy).await.expect("checked"));
    }

    #[tokio::test]
    async fn a_row_that_is_no_hash_is_an_error_and_not_a_wrong_password() {
        let lane = Lane::new(Hashing::default());
        for strange in ["", "plain", "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAA"] {
            assert!(lane.verify(&secret("x"), Stored::Hash(strange.to_owned())).await.is_err(), "{strange}");
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_and_the_rest_are_served() {
        let lane = Arc::new(Lane::new(Hashing::default()));
        let mut sent = tokio::task::JoinSet::new();
        for _ in 0..AT_A_TIME + WAITING + 20 {
            let lane = Arc::clone(&lane);
            sent.spawn(async move { lane.verify(&secret("x"), Stored::Decoy).await.is_ok() });
        }
        let served = sent.join_all().await.into_iter().filter(|ok| *ok).count();
        assert!(served >= AT_A_TIME + WAITING, "{served}");
        assert!(lane.bench.idle.lock().expect("not poisoned").len() <= AT_A_TIME, "never more than two at a time");
    }

    #[tokio::test]
    async fn a_decoy_costs_as_much_as_a_wrong_password() {
        let lane = Lane::new(Hashing::default());
        let phc = lane.hash(&secret("Otter-lamp-47")).await.expect("a hash");
        lane.verify(&secret("warm"), Stored::Decoy).await.expect("checked");
        let (mut decoys, mut wrongs) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let watch = Stopwatch::start();
            lane.verify(&secret("x"), Stored::Decoy).await.expect("checked");
            decoys.push(watch.elapsed());
            let watch = Stopwatch::start();
            lane.verify(&secret("x"), Stored::Hash(phc.clone())).await.expect("checked");
            wrongs.push(watch.elapsed());
        }
        decoys.sort();
        wrongs.sort();
        // Medians; a factor of two catches a missing decoy (which costs nothing) on any machine.
        assert!(decoys[4] * 2 > wrongs[4] && wrongs[4] * 2 > decoys[4], "{decoys:?} {wrongs:?}");
    }
}
