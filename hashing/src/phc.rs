//! Salts, and the form in which hashes are stored.

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use keybell_shared::config::Hashing;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::engine::{SALT, Salted, Tag, VERSION};
use crate::error::HashError;

/// A fresh salt from the operating system.
pub(crate) fn salt() -> Result<Salted, HashError> {
    let mut salt = [0; SALT];
    SysRng
        .try_fill_bytes(&mut salt)
        .map_err(|error| HashError::Engine(format!("the system's random source failed: {error}")))?;
    Ok(salt)
}

/// The PHC string that is stored.
pub(crate) fn phc(cost: &Hashing, salt: &[u8], tag: &Tag) -> Result<String, HashError> {
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
