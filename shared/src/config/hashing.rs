//! The cost of a hash.

use serde::Deserialize;

use super::{ConfigError, fits};

/// Argon2id's parameters. The floor is OWASP's: 19 MiB, two passes, one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hashing {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Threads that hash; 0 means one per core.
    pub threads: usize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1, threads: 0 }
    }
}

impl Hashing {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits(self.memory_kib >= 19 * 1024, "hashing.memory_kib", || {
            format!("{} is below the floor of {} (19 MiB)", self.memory_kib, 19 * 1024)
        })?;
        fits(self.memory_kib <= 4 * 1024 * 1024, "hashing.memory_kib", || "more than 4 GiB per hash".to_owned())?;
        fits((2..=64).contains(&self.passes), "hashing.passes", || format!("{} is not within 2 to 64", self.passes))?;
        fits((1..=16).contains(&self.lanes), "hashing.lanes", || format!("{} is not within 1 to 16", self.lanes))?;
        fits(self.threads <= 1024, "hashing.threads", || format!("{} is more than 1024", self.threads))
    }
}
