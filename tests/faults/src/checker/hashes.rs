//! Whether passwords open what the ledger stores, asked of Argon2id itself on all cores.

use std::collections::{HashMap, HashSet};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier as _};
use keybell_shared::password::normalise;

/// A hash as it is stored, and a password.
pub(super) type Pair = (String, String);

/// For each pair, once: whether the password is the one of the hash.
pub(super) async fn open(pairs: impl IntoIterator<Item = Pair>) -> HashMap<Pair, bool> {
    let pairs: Vec<Pair> = pairs.into_iter().collect::<HashSet<_>>().into_iter().collect();
    let lanes = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let lane = pairs.len().div_ceil(lanes).max(1);
    let work: Vec<_> = pairs
        .chunks(lane)
        .map(|some| {
            let some = some.to_vec();
            tokio::task::spawn_blocking(move || {
                some.into_iter().map(|pair| (opens(&pair), pair)).map(|(opens, pair)| (pair, opens)).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut known = HashMap::with_capacity(pairs.len());
    for part in work {
        // A thread that panicked leaves its pairs out: they count as not opened.
        known.extend(part.await.unwrap_or_default());
    }
    known
}

fn opens((hash, password): &Pair) -> bool {
    // A weaker relative of Argon2id would open, too, and would be a broken promise.
    hash.starts_with("$argon2id$")
        && PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(normalise(password).as_bytes(), &hash).is_ok())
}
