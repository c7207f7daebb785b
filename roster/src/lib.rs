//! Reading people: rosters from school information systems, row by row, into the ledger.
//!
//! [`import`] reads OneRoster, Clever, Microsoft School Data Sync, the user lists of Google Workspace and Moodle, and any
//! list with a header, as text or as a workbook; it finds out by itself what it has ([`Format`]). [`inspect`] shows the same
//! without storing anything. Files are streamed in batches, so that a district of a hundred thousand people needs no more
//! memory than a small one; nothing is unpacked to disk. Real files are sloppy: what is sound goes in, everything else is
//! told per row in the [`Report`] by file, line, column, [`RowCode`] and the value's shape, never by the value. Columns with
//! passwords are skipped where the bytes are split into fields, so that they never leave the read buffer,
//! which is overwritten in the end.
//!
//! [`upload::read`] reads the one kind of file that may bring passwords: an export that somebody filled in. It works in
//! memory alone. [`export`] writes it, the result that says what became of each row, and all other tables.
//!
//! The way of one row of a roster: [`source`] (folder, zip, workbook, file) → [`text`] (bytes to fields to cells) → [`oneroster`],
//! [`kinds`] or [`list`] (cells to people) → [`run`] → `RosterLedger`.

mod code;
pub mod contact;
mod error;
pub mod export;
mod import;
mod inspect;
mod kinds;
mod list;
mod oneroster;
mod options;
mod recognise;
mod report;
mod role;
mod run;
mod seen;
mod shape;
mod source;
mod text;
pub mod upload;

pub use code::RowCode;
pub use error::RosterError;
pub use import::{Peek, import, peek};
pub use inspect::{ColumnView, FileView, Inspection, inspect};
pub use options::{OptionError, Options, parse_map, parse_role, parse_role_of};
pub use recognise::Format;
pub use report::{Counts, Effect, FileReport, Outcome, Problem, Report};
pub use run::Progress;
pub use text::{Delimiter, Mark};
