//! Statements that are put together from constant parts, for questions with too many shapes to write each of them down.
//!
//! What is not asked is not in the statement: a condition that never applies would still be weighed for every row.

use sqlx::postgres::{PgPool, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::dialect::{Dialect, translate};
use super::tx::{lite, pg};
use super::{Db, Row, Sql, Value};

/// Lists that are all in one order are read side by side, each once. Elsewhere joins look each row up, for rows are few
/// ([`BY_INDEX`](super::open)): here they are very many, and a look costs as much as reading thirty. Sorting is what is left
/// for a list that has another order.
const SIDE_BY_SIDE: &str =
    "SET LOCAL enable_mergejoin = on; SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off;
    SET LOCAL enable_hashagg = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '16MB'";

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

    /// Whether lists can be read side by side: SQLite only ever looks rows up.
    pub(crate) const fn merges(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// All rows of a statement that changes nothing and reads lists side by side.
    pub(crate) async fn ask_side_by_side(&self, statement: Composed) -> Sql<Vec<Row>> {
        let Self::Postgres { pool, trust, .. } = self else { return self.ask(statement).await };
        let rows = match side_by_side(pool, "", &statement).await? {
            Err(error) if trust.is_lost_by(&error) => side_by_side(pool, "", &statement).await??,
            rows => rows?,
        };
        Ok(rows.into_iter().map(Row::Postgres).collect())
    }

    /// How the database would run it.
    pub(crate) async fn explain_side_by_side(&self, statement: Composed) -> Sql<String> {
        let Self::Postgres { pool, .. } = self else { return self.explain_composed(statement).await };
        let rows = side_by_side(pool, "EXPLAIN ", &statement).await??;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(lines?.join("\n"))
    }

    /// How the database would run it.
    pub(crate) async fn explain_composed(&self, statement: Composed) -> Sql<String> {
        self.explain_text(&statement.text, statement.arguments).await
    }
}

/// The rows of a statement in a transaction of its own, for that is how long its settings hold. The inner error is the driver's.
async fn side_by_side(pool: &PgPool, word: &str, statement: &Composed) -> Sql<sqlx::Result<Vec<PgRow>>> {
    // Safe: a word of this file before nothing but constants.
    let sql = AssertSqlSafe(format!("{word}{}", translate(Dialect::Postgres, &statement.text)));
    let arguments = pg(statement.arguments.clone())?;
    let rows = async {
        let mut tx = pool.begin().await?;
        sqlx::raw_sql(SIDE_BY_SIDE).execute(&mut *tx).await?;
        let rows = sqlx::query_with(sql, arguments).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(rows)
    };
    Ok(rows.await)
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
