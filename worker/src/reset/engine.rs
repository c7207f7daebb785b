//! Two Argon2id engines: the fast one does the work, the reference one checks it.
//!
//! Both compute the same tags; which one runs is a matter of speed and trust only. Each belongs to one thread and keeps
//! its memory from hash to hash: allocating 19 MiB for every hash costs a quarter of the throughput.

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use keybell_shared::config::Hashing;
use keybell_shared::password::normalise;
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroize as _;

/// Bytes of a salt.
const SALT: usize = 16;
/// Bytes of a tag.
const TAG: usize = 32;
/// The version of Argon2 that is written: 1.3.
const VERSION: u32 = 0x13;
/// No stored hash may ask for more memory than this, in KiB: a damaged row must not exhaust a sign-in door.
const MOST_MEMORY: u32 = 4 * 1024 * 1024;

/// A salt of its own for every hash.
pub(super) type Salted = [u8; SALT];
/// What Argon2id computes.
pub(super) type Tag = [u8; TAG];

/// Why a password could not be hashed or checked. Never says what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The configured cost is not possible.
    #[error("the configured cost `hashing` is not possible: {0}")]
    Cost(String),
    /// The machine refused threads.
    #[error("the hashing threads could not be started: {0}; set hashing.threads lower")]
    Threads(String),
    /// The engines disagree with known answers or with each other.
    #[error("the hashing self-test failed: {0}; do not use this build on this machine, and report its processor")]
    SelfTest(String),
    /// The engine failed.
    #[error("the password could not be hashed: {0}")]
    Engine(String),
    /// The pool has ended, because the process is ending.
    #[error("the hashing threads have ended")]
    Ended,
    /// The stored hash is unreadable.
    #[error("the stored hash is not readable: {0}; reset the account's password")]
    Stored(String),
}

/// Computes Argon2id tags of one cost, on one thread.
pub(super) trait Engine: Send {
    /// The tag of a normalised password.
    fn tag(&mut self, password: &[u8], salt: &[u8]) -> Result<Tag, HashError>;
}

/// The engine with run-time AVX-512, AVX2, SSE or NEON.
pub(super) struct Fast(argon2_rust::Hasher);

impl Fast {
    pub(super) fn new(cost: &Hashing) -> Result<Self, HashError> {
        let params = argon2_rust::Params::builder()
            .memory(argon2_rust::params::Memory::kib(u64::from(cost.memory_kib)))
            .passes(cost.passes)
            .lanes(cost.lanes)
            // Parallelism comes from many hashes at a time, never from within one.
            .threads(1)
            .build()
            .map_err(|error| HashError::Cost(error.to_string()))?;
        let argon2 = argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params);
        let mut hasher = argon2.hasher();
        hasher.reserve().map_err(|error| HashError::Cost(error.to_string()))?;
        Ok(Self(hasher))
    }
}

impl Engine for Fast {
    fn tag(&mut self, password: &[u8], salt: &[u8]) -> Result<Tag, HashError> {
        let mut tag = [0; TAG];
        self.0.hash_into(password, salt, &mut tag).map_err(|error| HashError::Engine(error.to_string()))?;
        Ok(tag)
    }
}

/// The engine of the crate `argon2`: slower, and the one that is believed.
pub(super) struct Reference {
    params: argon2::Params,
    blocks: Vec<argon2::Block>,
}

impl Reference {
    pub(super) fn new(cost: &Hashing) -> Result<Self, HashError> {
        let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(TAG))
            .map_err(|error| HashError::Cost(error.to_string()))?;
        Ok(Self { params, blocks: Vec::new() })
    }

    /// Whether the password is the one of the stored hash, whose cost may be another one.
    pub(super) fn verify(&mut self, password: &SecretString, phc: &str) -> Result<bool, HashError> {
        let stored = |reason: &str| HashError::Stored(reason.to_owned());
        let hash = PasswordHash::new(phc).map_err(|error| HashError::Stored(error.to_string()))?;
        let algorithm =
            argon2::Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| stored("it is not an Argon2 hash"))?;
        let version = hash.version.unwrap_or(VERSION);
        let version = argon2::Version::try_from(version).map_err(|_| stored("an unknown version of Argon2"))?;
        let params = argon2::Params::try_from(&hash).map_err(|error| HashError::Stored(error.to_string()))?;
        if params.m_cost() > MOST_MEMORY {
            return Err(stored("it asks for more than 4 GiB of memory"));
        }
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
            return Err(stored("it has no salt or no tag"));
        };
        let argon2 = argon2::Argon2::new(algorithm, version, params);
        let mut tag = vec![0; expected.len()];
        self.fill(&argon2, normalise(password.expose_secret()).as_bytes(), &salt, &mut tag)?;
        // `Output` compares in constant time.
        Ok(Output::new(&tag).is_ok_and(|computed| computed == expected))
    }

    fn fill(
        &mut self,
        argon2: &argon2::Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), HashError> {
        let wanted = argon2.params().block_count();
        if self.blocks.len() < wanted {
            self.blocks.resize(wanted, argon2::Block::new());
        }
        argon2
            .hash_password_into_with_memory(password, salt, out, &mut self.blocks)
            .map_err(|error| HashError::Engine(error.to_string()))
    }
}

impl Engine for Reference {
    fn tag(&mut self, password: &[u8], salt: &[u8]) -> Result<Tag, HashError> {
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, self.params.clone());
        let mut tag = [0; TAG];
        self.fill(&argon2, password, salt, &mut tag)?;
        Ok(tag)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // The crate does not wipe memory that it was lent.
        self.blocks.iter_mut().for_each(zeroize::Zeroize::zeroize);
    }
}

/// A fresh salt from the operating system.
pub(super) fn salt() -> Result<Salted, HashError> {
    let mut salt = [0; SALT];
    SysRng
        .try_fill_bytes(&mut salt)
        .map_err(|error| HashError::Engine(format!("the system's random source failed: {error}")))?;
    Ok(salt)
}

/// The PHC string that is stored.
pub(super) fn phc(cost: &Hashing, salt: &[u8], tag: &Tag) -> Result<String, HashError> {
    let refused = |error: argon2::password_hash::phc::Error| HashError::Engine(error.to_string());
    let mut params = ParamsString::new();
    for (name, value) in [("m", cost.memory_kib), ("t", cost.passes), ("p", cost.lanes)] {
        params.add_decimal(Ident::new(name).map_err(refused)?, value).map_err(refused)?;
    }
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(VERSION),
        params,
        salt: Some(Salt::new(salt).map_err(refused)?),
        hash: Some(Output::new(tag).map_err(refused)?),
    };
    Ok(hash.to_string())
}

/// Builds the engine that is to be trusted with the work.
pub(super) type MakeEngine = fn(&Hashing) -> Result<Box<dyn Engine>, HashError>;

/// The fast engine, boxed.
pub(super) fn fast(cost: &Hashing) -> Result<Box<dyn Engine>, HashError> {
    Ok(Box::new(Fast::new(cost)?))
}

/// Argon2id's known answers for `password` and `somesalt`, from the tests of its C reference: KiB, passes, lanes, tag.
const KNOWN: [(u32, u32, u32, &str); 2] = [
    (256, 2, 1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
    (256, 2, 2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"),
];

/// Refuses to start when an engine gives a wrong known answer, or when the reference does not accept a fresh hash of the
/// configured cost. Answers that hash: nobody knows its password, so that a door can check against it for unknown names
/// and take the same time.
pub(super) fn self_test(cost: &Hashing, make: MakeEngine) -> Result<String, HashError> {
    for (memory_kib, passes, lanes, expected) in KNOWN {
        let known = Hashing { memory_kib, passes, lanes, threads: 1 };
        let engines: [(&str, Box<dyn Engine>); 2] =
            [("fast", make(&known)?), ("reference", Box::new(Reference::new(&known)?))];
        for (name, mut engine) in engines {
            let tag = engine.tag(b"password", b"somesalt")?;
            if keybell_shared::seal::hex(&tag) != expected {
                return Err(HashError::SelfTest(format!("the {name} engine gives a wrong known answer")));
            }
        }
    }
    let salt = salt()?;
    let mut nonce = self::salt()?;
    let password = SecretString::from(keybell_shared::seal::hex(&nonce));
    nonce.zeroize();
    let tag = make(cost)?.tag(password.expose_secret().as_bytes(), &salt)?;
    let phc = phc(cost, &salt, &tag)?;
    let mut reference = Reference::new(cost)?;
    if !reference.verify(&password, &phc)? {
        return Err(HashError::SelfTest("the engines disagree about a fresh hash".to_owned()));
    }
    Ok(phc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_engine_agrees_with_the_reference() {
        for (memory_kib, passes, lanes) in [(8, 1, 1), (64, 3, 1), (256, 2, 4), (1024, 1, 2), (19_456, 2, 1)] {
            let cost = Hashing { memory_kib, passes, lanes, threads: 1 };
            let (mut fast, mut reference) =
                (Fast::new(&cost).expect("fast"), Reference::new(&cost).expect("reference"));
            for password in ["", "a", "Otter-lamp-47", &"x".repeat(200)] {
                let salt = salt().expect("salt");
                let tag = fast.tag(password.as_bytes(), &salt).expect("tag");
                assert_eq!(tag, reference.tag(password.as_bytes(), &salt).expect("tag"), "{cost:?}");
                let phc = phc(&cost, &salt, &tag).expect("PHC");
                assert!(reference.verify(&SecretString::from(password), &phc).expect("readable"), "{phc}");
                assert!(!reference.verify(&SecretString::from("wrong"), &phc).expect("readable"));
            }
        }
    }

    #[test]
    fn the_crates_own_verifier_accepts_the_stored_form() {
        use argon2::PasswordVerifier as _;
        let cost = Hashing::default();
        let salt = salt().expect("salt");
        let tag = Fast::new(&cost).expect("fast").tag(b"Otter-lamp-47", &salt).expect("tag");
        let phc = phc(&cost, &salt, &tag).expect("PHC");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let hash = PasswordHash::new(&phc).expect("PHC");
        assert_eq!(argon2::Argon2::default().verify_password(b"Otter-lamp-47", &hash), Ok(()));
        assert_eq!(
            argon2_rust::Argon2::verify_encoded(&phc, b"Otter-lamp-47", argon2_rust::Algorithm::Argon2id),
            Ok(())
        );
    }

    #[test]
    fn the_self_test_passes_and_finds_a_liar() {
        struct Liar(Fast);
        impl Engine for Liar {
            fn tag(&mut self, password: &[u8], salt: &[u8]) -> Result<Tag, HashError> {
                let mut tag = self.0.tag(password, salt)?;
                // Right for the known answers, wrong for everything else.
                tag[7] ^= u8::from(password != b"password");
                Ok(tag)
            }
        }
        let cost = Hashing::default();
        let decoy = self_test(&cost, fast).expect("the engines agree");
        assert!(!Reference::new(&cost).expect("reference").verify(&SecretString::from("x"), &decoy).expect("PHC"));
        let refused = self_test(&cost, |cost| Ok(Box::new(Liar(Fast::new(cost)?))));
        assert!(matches!(refused, Err(HashError::SelfTest(_))), "{refused:?}");
    }

    #[test]
    fn unreadable_stored_hashes_are_errors() {
        let mut reference = Reference::new(&Hashing::default()).expect("reference");
        for phc in [
            "",
            "x",
            "$2b$10$abc",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(matches!(reference.verify(&SecretString::from("x"), phc), Err(HashError::Stored(_))), "{phc}");
        }
    }
}
