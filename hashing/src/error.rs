//! What can go wrong with a hash.

/// Why a password could not be hashed or checked. Never says what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The configured cost is not possible.
    #[error("the configured cost `hashing` is not possible: {0}")]
    Cost(String),
    /// The machine refused threads.
    #[error("the hashing threads could not be started: {0}; set hashing.threads lower")]
    Threads(String),
    /// The machine refused memory.
    #[error("{0} MiB of memory for hashing could not be had; set hashing.threads or hashing.memory_kib lower")]
    Memory(usize),
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
