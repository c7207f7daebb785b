//! The engine of the crate `argon2`: slower, and the one that is believed.

use argon2::password_hash::phc::{Output, PasswordHash};
use keybell_shared::config::Hashing;
use keybell_shared::password::normalise;
use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::{Engine, Input, TAG, Tag, VERSION};
use crate::error::HashError;

/// No stored hash may ask for more memory than this, in KiB: a damaged row must not exhaust a sign-in door.
const MOST_MEMORY: u32 = 4 * 1024 * 1024;

/// Whether the password is the one of the stored hash (a PHC string).
///
/// # Errors
/// When the stored hash is unreadable.
pub fn verify(password: &SecretString, phc: &str) -> Result<bool, HashError> {
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
    let mut memory = Memory::default();
    fill(&argon2, normalise(password.expose_secret()).as_bytes(), &salt, memory.of(argon2.params()), &mut tag)?;
    // `Output` compares in constant time.
    Ok(Output::new(&tag).is_ok_and(|computed| computed == expected))
}

/// The engine of the crate `argon2`.
pub(crate) struct Reference {
    params: argon2::Params,
    memory: Memory,
}

impl Reference {
    /// Takes its memory with the first hash.
    pub(crate) fn new(cost: &Hashing) -> Result<Self, HashError> {
        let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(TAG))
            .map_err(|error| HashError::Cost(error.to_string()))?;
        Ok(Self { params, memory: Memory::default() })
    }

    /// The tag of one input, with memory of its own.
    pub(crate) fn tag(&mut self, input: Input<'_>) -> Result<Tag, HashError> {
        let Self { params, memory } = self;
        tag(params, input, memory.of(params))
    }

    /// The tag of one input, with memory that is lent for it, or else with its own.
    pub(crate) fn tag_in(&mut self, input: Input<'_>, lent: Option<&mut [argon2::Block]>) -> Result<Tag, HashError> {
        match lent {
            Some(blocks) if blocks.len() >= self.params.block_count() => tag(&self.params, input, blocks),
            Some(_) | None => self.tag(input),
        }
    }
}

impl Engine for Reference {
    fn width(&self) -> usize {
        1
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        inputs.iter().map(|input| self.tag(*input)).collect()
    }
}

fn tag(params: &argon2::Params, input: Input<'_>, blocks: &mut [argon2::Block]) -> Result<Tag, HashError> {
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params.clone());
    let mut tag = [0; TAG];
    fill(&argon2, input.password, input.salt, blocks, &mut tag)?;
    Ok(tag)
}

fn fill(
    argon2: &argon2::Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    blocks: &mut [argon2::Block],
    out: &mut [u8],
) -> Result<(), HashError> {
    argon2
        .hash_password_into_with_memory(password, salt, out, blocks)
        .map_err(|error| HashError::Engine(error.to_string()))
}

/// Memory that is kept from hash to hash and wiped in the end; the crate does not wipe what it was lent.
#[derive(Default)]
struct Memory(Vec<argon2::Block>);

impl Memory {
    fn of(&mut self, params: &argon2::Params) -> &mut [argon2::Block] {
        let wanted = params.block_count();
        if self.0.len() < wanted {
            self.0.resize(wanted, argon2::Block::new());
        }
        &mut self.0
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(zeroize::Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_stored_hashes_are_errors() {
        for phc in [
            "",
            "x",
            "$2b$10$abc",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(matches!(verify(&SecretString::from("x"), phc), Err(HashError::Stored(_))), "{phc}");
        }
    }
}
