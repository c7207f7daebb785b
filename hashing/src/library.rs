//! The engine of the crate `argon2-rust`: run-time AVX-512, AVX2, SSE or NEON, and any number of lanes.

use keybell_shared::config::Hashing;

use crate::engine::{Engine, Input, TAG, Tag};
use crate::error::HashError;

/// The engine of the crate `argon2-rust`.
pub(crate) struct Library(argon2_rust::Hasher);

impl Library {
    /// Takes its memory.
    pub(crate) fn new(cost: &Hashing) -> Result<Self, HashError> {
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

impl Engine for Library {
    fn width(&self) -> usize {
        1
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        let one = |input: &Input<'_>| {
            let mut tag = [0; TAG];
            self.0
                .hash_into(input.password, input.salt, &mut tag)
                .map_err(|error| HashError::Engine(error.to_string()))?;
            Ok(tag)
        };
        inputs.iter().map(one).collect()
    }
}
