//! Which engines there are, and which of them this machine can run.

use std::fmt;

use keybell_shared::config::Hashing;

use crate::engine::Engine;
use crate::error::HashError;
use crate::kernel::{self, Avx2, Avx512, Isa};
use crate::library::Library;
use crate::reference::Reference;

/// An implementation of Argon2id. All compute the same tags; they differ in speed and trust only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Our own, several hashes in lockstep, with AVX-512.
    Avx512,
    /// Our own, several hashes in lockstep, with AVX2.
    Avx2,
    /// The crate `argon2-rust`.
    Library,
    /// The crate `argon2`, which is believed.
    Reference,
}

impl Backend {
    /// The name in logs, metrics and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Library => "library",
            Self::Reference => "reference",
        }
    }

    /// Whether this machine's processor can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Avx512 => Avx512::detect().is_some(),
            Self::Avx2 => Avx2::detect().is_some(),
            Self::Library | Self::Reference => true,
        }
    }

    /// An engine of this kind, with memory of its own.
    ///
    /// # Errors
    /// When the cost is not possible for it, or the machine refuses the memory.
    pub(crate) fn engine(self, cost: &Hashing) -> Result<Box<dyn Engine>, HashError> {
        let missing = || HashError::Cost(format!("the processor cannot run the engine `{self}`"));
        Ok(match self {
            Self::Avx512 => Box::new(kernel::engine(Avx512::detect().ok_or_else(missing)?, cost)?),
            Self::Avx2 => Box::new(kernel::engine(Avx2::detect().ok_or_else(missing)?, cost)?),
            Self::Library => Box::new(Library::new(cost)?),
            Self::Reference => Box::new(Reference::new(cost)?),
        })
    }

    /// The fastest one for this machine and cost.
    pub(crate) fn fastest(cost: &Hashing) -> Self {
        let own = available().into_iter().find(|backend| cost.lanes == 1 || *backend == Self::Library);
        own.unwrap_or(Self::Library)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "own AVX-512",
            Self::Avx2 => "own AVX2",
            Self::Library => "argon2-rust",
            Self::Reference => "argon2",
        })
    }
}

/// The engines that this machine can run, fastest first. Our own ones compute one lane only, which is what is configured
/// without a word.
#[must_use]
pub fn available() -> Vec<Backend> {
    let all = [Backend::Avx512, Backend::Avx2, Backend::Library, Backend::Reference];
    all.into_iter().filter(|backend| backend.is_available()).collect()
}
