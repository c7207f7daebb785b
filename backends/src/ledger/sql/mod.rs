//! A thin layer over both databases, so that every use case of the ledger is written once.
//!
//! Statements are plain SQL that PostgreSQL and SQLite both understand, with a few [markers](dialect) where they differ.
//! A [`Tx`] is one transaction (on SQLite `BEGIN IMMEDIATE`: there is one writer), a [`Row`] one row, a [`Value`] one
//! argument. Everything that knows which database is running is in this folder.

mod composed;
mod dialect;
mod failure;
mod open;
mod pool;
mod room;
mod row;
mod table;
mod trust;
mod tx;
mod value;

pub(crate) use composed::Composed;
pub(crate) use failure::Failure;
pub(crate) use open::Db;
pub use open::OpenError;
pub use pool::Connections;
pub(crate) use row::{Column, Row};
pub(crate) use table::{Cell, cells};
pub(crate) use tx::Tx;
pub(crate) use value::{Value, args, json, millis};

/// What a statement answers.
pub(crate) type Sql<T> = Result<T, Failure>;
