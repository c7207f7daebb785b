//! Why a roster as a whole cannot be imported.

use std::path::PathBuf;

use keybell_shared::error::LedgerError;

use crate::recognise::Format;

/// What can be read, for people.
pub(crate) const SUPPORTED: &str = "Keybell imports OneRoster 1.1, 1.2 and 1.2.1, Clever and Microsoft School Data Sync, as a \
     folder or a zip; and the user lists of Google Workspace and Moodle and any list with a header, as CSV or XLSX";

/// The roster as a whole is unreadable or not supported, or the ledger failed. Single rows never lead to this.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The path cannot be opened.
    #[error("{} cannot be read: {reason}. {SUPPORTED}", path.display())]
    Unreadable {
        /// The path that was given.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The files are of another system's export.
    #[error("this is {format}, which cannot be imported; {}. {SUPPORTED}", format.advice())]
    Unsupported {
        /// What it is.
        format: Format,
    },
    /// There is no manifest.
    #[error(
        "there is no manifest.csv, so the OneRoster version is not known; ask for the complete export. {SUPPORTED}"
    )]
    NoManifest,
    /// The manifest cannot be used.
    #[error("manifest.csv cannot be used: {0}. {SUPPORTED}")]
    Manifest(String),
    /// The manifest names a version that is not known.
    #[error("manifest.csv says OneRoster version {0}, which is not supported. {SUPPORTED}")]
    Version(String),
    /// There is no `users.csv`.
    #[error("there is no users.csv, so there is nobody to import; ask for an export with users. {SUPPORTED}")]
    NoUsers,
    /// The zip is not safe to read.
    #[error("the zip is refused: {0}; unpack it yourself, look at it, and import the folder")]
    UnsafeArchive(String),
    /// The ledger did not take a batch. What went in before stays, so importing again is right.
    #[error("{cause}, after {rows} rows of {file}; import again, rows that are in already count as unchanged")]
    Ledger {
        /// The file.
        file: String,
        /// How many of its rows had been stored or judged.
        rows: u64,
        /// What the ledger said.
        #[source]
        cause: LedgerError,
    },
    /// The thread that reads the file is gone.
    #[error("reading the roster was stopped; import again")]
    Stopped,
}
