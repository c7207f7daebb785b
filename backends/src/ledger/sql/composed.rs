//! Statements that are put together from constant parts, for questions with too many shapes to write each of them down.
//!
//! What is not asked is not in the statement: a condition that never applies would still be weighed for every row.

use sqlx::AssertSqlSafe;

use super::dialect::{Dialect, translate};
use super::tx::{lite, pg};
use super::{Db, Row, Sql, Value};

/// A statement and its arguments. Each `?` of a part is the next argument; markers are those of every statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Composed {
    text: String,
    arguments: Vec<Value>,
    marks: usize,
}

impl Composed {
    /// Adds a part and the arguments of its question marks.
    pub(crate) fn and(mut self, part: &'static str, arguments: impl IntoIterator<Item = Value>) -> Self {
        for letter in part.chars() {
            if letter == '?' {
                self.marks += 1;
                self.text.push('$');
                self.text.push_str(&self.marks.to_string());
            } else {
                self.text.push(letter);
            }
        }
        self.arguments.extend(arguments);
        self
    }

    /// Adds parts without arguments.
    pub(crate) fn text(self, parts: &[&'static str]) -> Self {
        parts.iter().fold(self, |statement, part| statement.and(part, []))
    }

    /// The statement for this database. Safe: nothing but constants is ever put in.
    fn translated(&self, dialect: Dialect) -> AssertSqlSafe<String> {
        AssertSqlSafe(translate(dialect, &self.text))
    }
}

impl Db {
    /// All rows of a statement that was put together, and that changes nothing.
    pub(crate) async fn ask(&self, statement: Composed) -> Sql<Vec<Row>> {
        match self {
            Self::Postgres { pool, trust, .. } => {
                let sql = || statement.translated(Dialect::Postgres);
                let arguments = pg(statement.arguments.clone())?;
                let rows = match sqlx::query_with(sql(), arguments).fetch_all(pool).await {
                    Err(error) if trust.is_lost_by(&error) => {
                        sqlx::query_with(sql(), pg(statement.arguments)?).fetch_all(pool).await?
                    }
                    rows => rows?,
                };
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            Self::Sqlite { readers, .. } => {
                let sql = statement.translated(Dialect::Sqlite);
                let rows = sqlx::query_with(sql, lite(statement.arguments)?).fetch_all(readers).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// How the database would run it.
    pub(crate) async fn explain_composed(&self, statement: Composed) -> Sql<String> {
        self.explain_text(&statement.text, statement.arguments).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::args;
    use super::*;

    #[test]
    fn each_question_mark_is_the_next_argument() {
        let statement = Composed::default()
            .and("SELECT id FROM items WHERE id {in ? bigint}", args!["[]"])
            .text(&[" AND ", "due > 0"])
            .and(" AND state = ? LIMIT ?", args!["open", 3_i64]);
        let text = statement.translated(Dialect::Sqlite).0;
        let ends = "json_each($1)) AND due > 0 AND state = $2 LIMIT $3";
        assert!(text.ends_with(ends), "{text}");
        assert_eq!(statement.arguments.len(), 3);
    }
}
