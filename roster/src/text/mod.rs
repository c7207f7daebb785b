//! From bytes to cells: decoding, splitting into records, matching columns, cleaning.

mod cell;
mod input;
mod layout;
mod records;
mod table;

pub(crate) use cell::{clean, decode, is_invisible};
pub(crate) use input::decoded;
pub(crate) use layout::{Column, Layout};
pub(crate) use records::{Found, Record, Records};
pub(crate) use table::{Next, Row, Table};
