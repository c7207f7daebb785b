//! An upload: a file in which somebody gives accounts new passwords, and new usernames where they change.
//!
//! The reader of files makes an [`UploadFile`] of any bytes; the intake judges its rows ([`Judged`]) in a trial run and again
//! when the upload starts. Passwords are wiped when a file is dropped, and no code, detail or warning holds one.

mod mark;

use secrecy::SecretString;

use crate::codes::Code;

pub use mark::Mark;

/// The most rows of one upload.
pub const MAX_ROWS: usize = crate::request::MAX_NAMED;

/// The fewest characters of a new username, counted in code points.
pub const MIN_USERNAME: usize = 6;

/// The titles of the columns, in the fixed order: an export writes them, an upload reads them.
pub const TITLES: [&str; 9] =
    ["Account", "Username", "Given name", "Family name", "Role", "Grade", "School", "New username", "New password"];

/// A file, as it was read.
#[derive(Clone, Debug)]
pub struct UploadFile {
    /// SHA-256 of its bytes, in lower-case hexadecimal. As secret as the file: see [`Mark`].
    pub digest: String,
    /// What it was taken for, in plain words: `CSV, UTF-8, semicolons`, `XLSX, worksheet Accounts`.
    pub kind: String,
    /// Its rows in their order. Rows of which every cell is blank are left out.
    pub rows: Vec<UploadRow>,
    /// What is odd about it and does no harm, as sentences: columns in another order, unknown columns, encoding.
    pub warnings: Vec<String>,
}

/// One row, as it stands in the file.
#[derive(Clone, Debug)]
pub struct UploadRow {
    /// Its line; the header is line 1.
    pub line: u64,
    /// The account's id; empty where the cell is.
    pub account: String,
    /// The username that the account has; empty where the cell is.
    pub username: String,
    /// What an export says of the person; nothing is done with it.
    pub about: About,
    /// The username that the account shall have; empty: it stays.
    pub new_username: String,
    /// The password as it stands there, never trimmed; empty where the cell is.
    pub password: SecretString,
    /// What makes the row unreadable, if anything does.
    pub flaw: Option<Flaw>,
}

/// What a row says of its person, for whoever reads the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Role.
    pub role: String,
    /// Grade.
    pub grade: String,
    /// School.
    pub school: String,
}

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// `E11` (encoding) or `E12` (malformed).
    pub code: Code,
    /// Which cell, and in which way, in plain words; never what stands in it.
    pub detail: String,
}

/// What would happen to a row, or happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The row's line.
    pub line: u64,
    /// The username of today; as the row writes it where it means nobody.
    pub username: String,
    /// The username that the account will have, where it changes.
    pub new_username: Option<String>,
    /// `OK`; an `E` code for a row with an error; an `S` code for an account that would be left as it is.
    pub code: Code,
    /// What is wrong and what to do, in plain words; empty for `OK`.
    pub detail: String,
}

impl Judged {
    /// Whether the row has an error: without leave to go on, one such row stops the whole upload.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.code.as_str().starts_with('E')
    }
}
