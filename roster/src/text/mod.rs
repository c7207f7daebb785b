//! From bytes to cells: decoding, splitting into records, matching columns, cleaning.

mod cell;
mod damage;
mod header;
mod input;
mod layout;
mod record;
mod records;
mod row;
mod sheet;
mod table;

pub(crate) use cell::{clean, decode, is_invisible};
pub use input::Mark;
pub(crate) use input::decoded;
pub(crate) use layout::{Column, Layout, is_password, letters};
pub(crate) use record::Record;
pub use records::Delimiter;
pub(crate) use records::{Found, Lines, Records};
pub(crate) use row::Row;
pub(crate) use sheet::{Workbook, worksheet_rows};
pub(crate) use table::{Mapping, Next, Table};
