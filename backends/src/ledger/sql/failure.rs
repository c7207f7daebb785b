//! What can go wrong with a statement, sorted by what to do about it.

use keybell_shared::error::LedgerError;

/// A statement or transaction that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Deadlock, serialisation or lock time-out: the same transaction may be run again at once.
    Collision(String),
    /// The database cannot be reached, or is shutting down, or is full.
    Unavailable(String),
    /// A unique index said no; only some callers expect that.
    Duplicate(String),
    /// Anything else: a defect.
    Defect(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error {
            let code = database.code().unwrap_or_default().into_owned();
            // A message may quote a value, never a secret: no statement holds one in clear.
            let text = format!("code {code}, constraint {}", database.constraint().unwrap_or("-"));
            if database.is_unique_violation() {
                return Self::Duplicate(text);
            }
            return match code.as_str() {
                // PostgreSQL: serialisation failure, deadlock, lock not available. SQLite: busy, locked.
                "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" => Self::Collision(text),
                // PostgreSQL: shutting down, too many connections, disk full, read-only. SQLite: I/O, full, read-only.
                "57P01" | "57P02" | "57P03" | "53100" | "53200" | "53300" | "25006" | "8" | "10" | "13" | "14" => {
                    Self::Unavailable(text)
                }
                other if other.starts_with("08") => Self::Unavailable(text),
                _ => Self::Defect(format!("{text}: {}", first_line(database.message()))),
            };
        }
        let unreachable = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
            // A connection that is about to be thrown away, see `open.rs`.
            | sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::BeginFailed
        );
        let text = first_line(&error.to_string());
        if unreachable { Self::Unavailable(text) } else { Self::Defect(text) }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        keybell_shared::metrics::get().backends.failed(match failure {
            Failure::Collision(_) => "collision",
            Failure::Unavailable(_) => "unavailable",
            Failure::Duplicate(_) | Failure::Defect(_) => "defect",
        });
        match failure {
            Failure::Collision(text) => Self::Unavailable(format!("transactions kept colliding ({text})")),
            Failure::Unavailable(text) => Self::Unavailable(text),
            Failure::Duplicate(text) | Failure::Defect(text) => Self::Defect(text),
        }
    }
}

impl Failure {
    /// A row that makes no sense.
    pub(crate) fn row(what: impl Into<String>) -> Self {
        Self::Defect(what.into())
    }
}
