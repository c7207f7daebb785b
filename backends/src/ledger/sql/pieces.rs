//! Many rows for one statement, in pieces that a connection sends at once.
//!
//! A message that does not fit the send buffer of a fresh connection goes out in several packets, and the last one waits
//! until the database's machine acknowledges the others: forty milliseconds, since the driver leaves Nagle's algorithm on.
//! Five small statements are faster than one large one.

use serde::Serialize;

use super::{Row, Sql, Tx, Value};

/// The most bytes of rows in one statement. The buffer has 16 KiB, and a statement has other parts too.
const PIECE: usize = 15_000;

impl Tx {
    /// Runs a statement over all rows. `args` makes its arguments out of a piece of them.
    pub(crate) async fn run_rows<T: Serialize>(
        &mut self,
        statement: &'static str,
        rows: &[T],
        args: impl Fn(Value) -> Vec<Value>,
    ) -> Sql<()> {
        for piece in pieces(rows) {
            self.run(statement, args(piece)).await?;
        }
        Ok(())
    }

    /// All rows of a statement that is asked with rows.
    pub(crate) async fn all_rows<T: Serialize>(
        &mut self,
        statement: &'static str,
        rows: &[T],
        args: impl Fn(Value) -> Vec<Value>,
    ) -> Sql<Vec<Row>> {
        let mut all = Vec::new();
        for piece in pieces(rows) {
            all.extend(self.all(statement, args(piece)).await?);
        }
        Ok(all)
    }
}

/// The rows as JSON arrays of bounded length; none for no rows. A row that is longer alone stays whole.
fn pieces<T: Serialize>(rows: &[T]) -> Vec<Value> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for row in rows {
        // Ids, numbers and strings always serialise.
        let row = serde_json::to_string(row).unwrap_or_default();
        if !piece.is_empty() && piece.len() + row.len() > PIECE {
            piece.push(']');
            pieces.push(Value::from(std::mem::take(&mut piece)));
        }
        piece.push(if piece.is_empty() { '[' } else { ',' });
        piece.push_str(&row);
    }
    if !piece.is_empty() {
        piece.push(']');
        pieces.push(Value::from(piece));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_short_and_lose_nothing() {
        assert!(pieces::<u32>(&[]).is_empty());
        for rows in [vec!["x".to_owned()], vec!["y".repeat(700); 100], vec!["z".repeat(40_000), "z".to_owned()]] {
            let mut back: Vec<String> = Vec::new();
            for piece in pieces(&rows) {
                let Value::Text(Some(text)) = piece else { panic!("{piece:?}") };
                let some: Vec<String> = serde_json::from_str(&text).unwrap();
                assert!(text.len() <= PIECE + 2 || some.len() == 1);
                back.extend(some);
            }
            assert_eq!(back, rows);
        }
    }
}
