//! How much goes into one statement.
//!
//! A message that goes out in several packets may have its last one wait until the database's machine acknowledges the
//! others: forty milliseconds, since the driver leaves Nagle's algorithm on. Encrypted, each 16 KiB are a record, and each
//! record is written by itself. In plain text the whole message is written at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};

/// The most bytes of rows in one statement. A record has 16 KiB, and a statement has other parts too.
pub(super) const ENCRYPTED: usize = 15_000;
/// The same in plain text: fewer statements, each of which costs as much as a dozen rows.
pub(super) const PLAIN: usize = 48_000;

/// What asks a connection whether it is encrypted.
pub(super) const QUESTION: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// How much room there is; the same for all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    is_plain: Arc<AtomicBool>,
}

impl Room {
    /// Takes a new connection's answer to [`QUESTION`].
    pub(super) fn note(&self, answer: Option<PgRow>) -> Result<(), Error> {
        let encrypted: Option<bool> = answer.map(|row| row.try_get(0)).transpose()?.flatten();
        self.is_plain.store(encrypted == Some(false), Ordering::Relaxed);
        Ok(())
    }

    /// The most bytes of rows in one statement.
    pub(super) fn bytes(&self) -> usize {
        if self.is_plain.load(Ordering::Relaxed) { PLAIN } else { ENCRYPTED }
    }
}
