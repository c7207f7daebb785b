//! Many rows for one statement: the marker `{table …}`, and the pieces in which they are sent.
//!
//! PostgreSQL gets an array for each column, in its binary form: taking JSON apart cost it as much as writing the rows.
//! SQLite runs in this process and gets JSON.
//! A large table goes in several statements, as [`Room`](super::room::Room) says.

use serde::Serialize;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::{Failure, Row, Sql, Tx, Value};
use keybell_shared::ids::{AccountId, AttemptId, DistrictId, ItemId, NotificationId, TaskId};

/// One value of a row. Its kind is the column's, also where there is no value.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell<'a> {
    Text(Option<&'a str>),
    Uuid(Option<Uuid>),
    /// `bigint`.
    Long(Option<i64>),
    /// `integer`.
    Int(Option<i32>),
    Bool(bool),
}

impl Cell<'_> {
    /// What it weighs in a message, about.
    fn bytes(self) -> usize {
        match self {
            Self::Text(text) => 4 + text.map_or(0, str::len),
            Self::Uuid(_) => 20,
            Self::Long(_) => 12,
            Self::Int(_) => 8,
            Self::Bool(_) => 5,
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::Text(text.as_deref())
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

macro_rules! from_ids {
    (uuid: $($uuid:ident),+; row: $($row:ident),+) => {
        $(impl From<$uuid> for Cell<'_> {
            fn from(id: $uuid) -> Self {
                Self::Uuid(Some(id.0))
            }
        }
        impl From<Option<$uuid>> for Cell<'_> {
            fn from(id: Option<$uuid>) -> Self {
                Self::Uuid(id.map(|id| id.0))
            }
        })+
        $(impl From<$row> for Cell<'_> {
            fn from(id: $row) -> Self {
                Self::Long(Some(id.0))
            }
        })+
    };
}
from_ids!(uuid: AccountId, AttemptId, DistrictId, TaskId; row: ItemId, NotificationId);

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Long(Some(number))
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Long(number)
    }
}

impl From<i32> for Cell<'_> {
    fn from(number: i32) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i32>> for Cell<'_> {
    fn from(number: Option<i32>) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// A row: its cells in the order of the marker's columns.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { [$($crate::ledger::sql::Cell::from($value)),*] };
}
pub(crate) use cells;

impl Tx {
    /// Runs a statement over all rows and answers how many it changed. `args` makes its arguments out of a piece of them.
    pub(crate) async fn run_rows<const N: usize>(
        &mut self,
        statement: &'static str,
        rows: &[[Cell<'_>; N]],
        args: impl Fn(Value) -> Vec<Value>,
    ) -> Sql<u64> {
        let mut changed = 0;
        for piece in pieces(rows, self.room()) {
            changed += self.run_piece(statement, args(Value::Rows), piece).await?;
        }
        Ok(changed)
    }

    /// All rows of a statement that is asked with rows.
    pub(crate) async fn all_rows<const N: usize>(
        &mut self,
        statement: &'static str,
        rows: &[[Cell<'_>; N]],
        args: impl Fn(Value) -> Vec<Value>,
    ) -> Sql<Vec<Row>> {
        let mut all = Vec::new();
        for piece in pieces(rows, self.room()) {
            all.extend(self.all_piece(statement, args(Value::Rows), piece).await?);
        }
        Ok(all)
    }
}

/// The rows in slices of bounded weight; none for no rows. A row that is heavier alone stays whole.
fn pieces<'r, 'a, const N: usize>(rows: &'r [[Cell<'a>; N]], room: usize) -> Vec<&'r [[Cell<'a>; N]]> {
    let mut pieces = Vec::new();
    let (mut rest, mut count, mut bytes) = (rows, 0_usize, 0_usize);
    for row in rows {
        let weight = row.iter().map(|cell| cell.bytes()).sum::<usize>();
        if count > 0
            && bytes + weight > room
            && let Some((piece, after)) = rest.split_at_checked(count)
        {
            pieces.push(piece);
            (rest, count, bytes) = (after, 0, 0);
        }
        count += 1;
        bytes += weight;
    }
    if count > 0 {
        pieces.push(rest);
    }
    pieces
}

/// A piece as JSON, for SQLite: an array of arrays.
pub(super) fn as_json<const N: usize>(piece: &[[Cell<'_>; N]]) -> String {
    let rows: Vec<&[Cell<'_>]> = piece.iter().map(<[Cell<'_>; N]>::as_slice).collect();
    // Ids, numbers and strings always serialise.
    serde_json::to_string(&rows).unwrap_or_default()
}

/// Binds one column of a piece as an array.
pub(super) fn bind<const N: usize>(arguments: &mut PgArguments, piece: &[[Cell<'_>; N]], column: usize) -> Sql<()> {
    let cells = || piece.iter().filter_map(|row| row.get(column));
    let bound = match cells().next() {
        Some(Cell::Uuid(_)) => arguments
            .add(cells().map(|cell| if let Cell::Uuid(id) = cell { *id } else { None }).collect::<Vec<Option<Uuid>>>()),
        Some(Cell::Long(_)) => arguments.add(
            cells()
                .map(|cell| if let Cell::Long(number) = cell { *number } else { None })
                .collect::<Vec<Option<i64>>>(),
        ),
        Some(Cell::Int(_)) => arguments.add(
            cells().map(|cell| if let Cell::Int(number) = cell { *number } else { None }).collect::<Vec<Option<i32>>>(),
        ),
        Some(Cell::Bool(_)) => {
            arguments.add(cells().map(|cell| matches!(cell, Cell::Bool(true))).collect::<Vec<bool>>())
        }
        Some(Cell::Text(_)) | None => arguments.add(
            cells().map(|cell| if let Cell::Text(text) = cell { *text } else { None }).collect::<Vec<Option<&str>>>(),
        ),
    };
    bound.map_err(|error| Failure::row(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::room::ENCRYPTED;
    use super::*;

    #[test]
    fn pieces_are_short_and_lose_nothing() {
        assert!(pieces::<1>(&[], ENCRYPTED).is_empty());
        for rows in [vec!["x".to_owned()], vec!["y".repeat(700); 100], vec!["z".repeat(40_000), "z".to_owned()]] {
            let cells: Vec<[Cell<'_>; 1]> = rows.iter().map(|row| cells![row]).collect();
            let mut back: Vec<String> = Vec::new();
            for piece in pieces(&cells, ENCRYPTED) {
                let some: Vec<Vec<String>> = serde_json::from_str(&as_json(piece)).unwrap();
                assert!(some.iter().map(|row| row[0].len() + 4).sum::<usize>() <= ENCRYPTED || some.len() == 1);
                back.extend(some.concat());
            }
            assert_eq!(back, rows);
        }
    }
}
