//! What every engine can do.

use crate::error::HashError;

/// Bytes of a salt.
pub(crate) const SALT: usize = 16;
/// Bytes of a tag.
pub(crate) const TAG: usize = 32;
/// The version of Argon2 that is written: 1.3.
pub(crate) const VERSION: u32 = 0x13;

/// A salt of its own for every hash.
pub(crate) type Salted = [u8; SALT];
/// What Argon2id computes.
pub(crate) type Tag = [u8; TAG];

/// One hash to be computed.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// The password, normalised.
    pub(crate) password: &'a [u8],
    /// The salt.
    pub(crate) salt: &'a [u8],
}

/// Computes Argon2id tags of one cost, on one thread, with memory that it keeps from hash to hash.
pub(crate) trait Engine: Send {
    /// How many hashes it computes at a time.
    fn width(&self) -> usize;

    /// The tags of at most [`Engine::width`] inputs, in their order.
    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError>;

    /// Memory of one hash that the reference may use in between, if it can be lent: a check then costs no memory.
    fn lend(&mut self) -> Option<&mut [argon2::Block]> {
        None
    }
}
