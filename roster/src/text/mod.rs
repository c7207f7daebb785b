//! From bytes to cells: decoding, splitting into records, matching columns, cleaning.

mod cell;
mod header;
mod input;
mod layout;
mod record;
mod records;
mod row;
mod table;

pub(crate) use cell::{clean, decode, is_invisible};
pub(crate) use input::decoded;
pub(crate) use layout::{Column, Layout};
pub(crate) use record::Record;
pub(crate) use records::{Found, Records};
pub(crate) use row::Row;
pub(crate) use table::{Next, Table};
