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
mod wiped;

pub(crate) use cell::{clean, decode};
pub(crate) use damage::{damage, is_dated, is_scientific};
pub use input::Mark;
pub(crate) use input::decoded;
pub(crate) use layout::{Column, Layout, alike, is_password, letters};
pub(crate) use record::{Kind, Record};
pub use records::Delimiter;
pub(crate) use records::{Found, Lines, MAX_FIELD, Records};
pub(crate) use row::Row;
pub(crate) use sheet::{Workbook, worksheet_rows};
pub(crate) use table::{Mapping, Next, Table};
