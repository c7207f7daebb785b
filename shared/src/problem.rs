//! What a door answers to a wrong request: a stable code, the field, the reason and what to do next.

use serde::Serialize;

/// The kind of a problem; each door maps it to its own language (HTTP status, exit code, refusal event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request cannot be read.
    Malformed,
    /// The request can be read but asks for something that cannot be.
    Invalid,
    /// Nobody is signed in, or the key is not valid.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing in the caller's district.
    NotFound,
    /// It contradicts what is already there.
    Conflict,
    /// Too often.
    Throttled,
    /// Too large.
    TooLarge,
    /// A needed service cannot be reached; the same request may succeed later.
    Unavailable,
    /// A defect of Keybell.
    Internal,
}

/// A wrong request, explained. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{detail} ({code})")]
pub struct Problem {
    /// Its kind.
    #[serde(skip)]
    pub kind: ProblemKind,
    /// The stable code, such as `selection.unknown_accounts`.
    pub code: &'static str,
    /// The path of the field, such as `selection.accounts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What happened and what to do next.
    pub detail: String,
    /// The entries that are meant, for example all unknown accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<String>,
}

impl Problem {
    /// A problem without a field.
    pub fn new(kind: ProblemKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, field: None, detail: detail.into(), entries: Vec::new() }
    }

    /// A request that can be read but asks for something that cannot be.
    pub fn invalid(code: &'static str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ProblemKind::Invalid, code, detail) }
    }

    /// Adds the entries that are meant.
    #[must_use]
    pub fn with_entries(mut self, entries: Vec<String>) -> Self {
        self.entries = entries;
        self
    }

    /// The same answer for a thing that does not exist and for one of another district.
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, "not_found", format!("there is no such {what} in your district"))
    }
}

impl From<crate::error::LedgerError> for Problem {
    fn from(error: crate::error::LedgerError) -> Self {
        use crate::error::LedgerError;
        match error {
            LedgerError::Unavailable(reason) => {
                tracing::warn!(reason, "the ledger cannot be reached");
                Self::new(
                    ProblemKind::Unavailable,
                    "ledger.unavailable",
                    "the database cannot be reached right now; repeat the same request later",
                )
            }
            LedgerError::Defect(reason) => {
                tracing::error!(reason, "the ledger refused a statement");
                Self::new(ProblemKind::Internal, "internal", "something is wrong inside Keybell; the log says more")
            }
        }
    }
}
