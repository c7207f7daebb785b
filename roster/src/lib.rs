//! Reading people: rosters from school information systems, row by row, into the ledger.
//!
//! [`import`] reads OneRoster 1.1, 1.2 and 1.2.1 in bulk mode, from a folder or a zip. Files are streamed in batches, so
//! that a district of a hundred thousand people needs no more memory than a small one; nothing is unpacked to disk.
//! Real files are sloppy: what is sound goes in, everything else is told per row in the [`Report`] by file, line,
//! column, [`RowCode`] and the value's shape, never by the value. Columns with passwords are skipped
//! where the bytes are split into fields, so that they never leave the read buffer.
//!
//! The way of one row: [`source`] (folder or zip) → [`text`] (bytes to fields to cells) → [`oneroster`] (cells to people)
//! → `RosterLedger`. Exports of other systems are known by name ([`Format`]) and refused with what to do instead.

mod code;
pub mod contact;
mod error;
pub mod export;
mod oneroster;
mod recognise;
mod report;
mod role;
mod seen;
mod shape;
mod source;
mod text;

pub use code::RowCode;
pub use error::RosterError;
pub use oneroster::{Peek, Progress, import, peek};
pub use recognise::Format;
pub use report::{Counts, Effect, FileReport, Outcome, Problem, Report};
