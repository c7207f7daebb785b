//! Transactions, and statements outside of one.

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Postgres, Row as _, Sqlite, Transaction};

use super::dialect::{Dialect, Translations};
use super::open::Db;
use super::room::Room;
use super::table::{Cell, as_json, bind};
use super::{Failure, Row, Sql, Value};

/// One transaction. Dropped without [`Tx::commit`] it never happened.
pub(crate) struct Tx {
    inner: Inner,
    translations: Translations,
    room: Room,
}

enum Inner {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(super) fn postgres(inner: Transaction<'static, Postgres>, translations: Translations, room: Room) -> Self {
        Self { inner: Inner::Postgres(inner), translations, room }
    }

    pub(super) fn sqlite(inner: Transaction<'static, Sqlite>, translations: Translations) -> Self {
        Self { inner: Inner::Sqlite(inner), translations, room: Room::default() }
    }

    /// The most bytes of rows in one statement.
    pub(super) fn room(&self) -> usize {
        self.room.bytes()
    }

    /// All rows of a statement.
    pub(crate) async fn all(&mut self, statement: &'static str, args: Vec<Value>) -> Sql<Vec<Row>> {
        match &mut self.inner {
            Inner::Postgres(tx) => {
                let sql = self.translations.get(Dialect::Postgres, statement);
                let rows = sqlx::query_with(sql, pg(args)?).fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            Inner::Sqlite(tx) => {
                let sql = self.translations.get(Dialect::Sqlite, statement);
                let rows = sqlx::query_with(sql, lite(args)?).fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn first(&mut self, statement: &'static str, args: Vec<Value>) -> Sql<Option<Row>> {
        Ok(self.all(statement, args).await?.into_iter().next())
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) async fn run(&mut self, statement: &'static str, args: Vec<Value>) -> Sql<u64> {
        match &mut self.inner {
            Inner::Postgres(tx) => {
                let sql = self.translations.get(Dialect::Postgres, statement);
                Ok(sqlx::query_with(sql, pg(args)?).execute(&mut **tx).await?.rows_affected())
            }
            Inner::Sqlite(tx) => {
                let sql = self.translations.get(Dialect::Sqlite, statement);
                Ok(sqlx::query_with(sql, lite(args)?).execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    /// All rows of a statement about a piece of a table.
    pub(super) async fn all_piece<const N: usize>(
        &mut self,
        statement: &'static str,
        args: Vec<Value>,
        piece: &[[Cell<'_>; N]],
    ) -> Sql<Vec<Row>> {
        match &mut self.inner {
            Inner::Postgres(tx) => {
                let sql = self.translations.get(Dialect::Postgres, statement);
                let rows = sqlx::query_with(sql, pg_with(args, piece)?).fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            Inner::Sqlite(_) => self.all(statement, placed(args, piece)).await,
        }
    }

    /// Runs a statement about a piece of a table.
    pub(super) async fn run_piece<const N: usize>(
        &mut self,
        statement: &'static str,
        args: Vec<Value>,
        piece: &[[Cell<'_>; N]],
    ) -> Sql<u64> {
        match &mut self.inner {
            Inner::Postgres(tx) => {
                let sql = self.translations.get(Dialect::Postgres, statement);
                Ok(sqlx::query_with(sql, pg_with(args, piece)?).execute(&mut **tx).await?.rows_affected())
            }
            Inner::Sqlite(_) => self.run(statement, placed(args, piece)).await,
        }
    }

    /// Makes it so. An error says nothing about whether it was.
    pub(crate) async fn commit(self) -> Sql<()> {
        match self.inner {
            Inner::Postgres(tx) => Ok(tx.commit().await?),
            Inner::Sqlite(tx) => Ok(tx.commit().await?),
        }
    }
}

impl Db {
    /// All rows of a statement that changes nothing; it never waits for the writer.
    pub(crate) async fn read(&self, statement: &'static str, args: Vec<Value>) -> Sql<Vec<Row>> {
        match self {
            Self::Postgres { pool, trust, translations, .. } => {
                let sql = translations.get(Dialect::Postgres, statement);
                // What only reads may be asked again.
                let rows = match sqlx::query_with(sql.clone(), pg(args.clone())?).fetch_all(pool).await {
                    Err(error) if trust.is_lost_by(&error) => sqlx::query_with(sql, pg(args)?).fetch_all(pool).await?,
                    rows => rows?,
                };
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            Self::Sqlite { readers, translations, .. } => {
                let sql = translations.get(Dialect::Sqlite, statement);
                let rows = sqlx::query_with(sql, lite(args)?).fetch_all(readers).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// The first row of a statement that changes nothing.
    pub(crate) async fn read_first(&self, statement: &'static str, args: Vec<Value>) -> Sql<Option<Row>> {
        Ok(self.read(statement, args).await?.into_iter().next())
    }

    /// How the database would run a statement.
    pub(crate) async fn explain(&self, statement: &'static str, args: Vec<Value>) -> Sql<String> {
        self.explain_text(statement, args).await
    }

    /// The same of a constant statement, or one that is made of constants.
    pub(super) async fn explain_text(&self, statement: &str, args: Vec<Value>) -> Sql<String> {
        let lines: Vec<String> = match self {
            Self::Postgres { pool, translations, .. } => {
                let sql = translations.explained(Dialect::Postgres, "EXPLAIN", statement);
                let mut tx = pool.begin().await?;
                // What the planner would choose if it were free: a scan that it is only kept from shall be seen.
                sqlx::raw_sql("SET LOCAL enable_seqscan = on").execute(&mut *tx).await?;
                let rows = sqlx::query_with(sql, pg(args)?).fetch_all(&mut *tx).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Self::Sqlite { readers, translations, .. } => {
                let sql = translations.explained(Dialect::Sqlite, "EXPLAIN QUERY PLAN", statement);
                let rows = sqlx::query_with(sql, lite(args)?).fetch_all(readers).await?;
                rows.iter().map(|row| row.try_get("detail")).collect::<Result<_, _>>()?
            }
        };
        Ok(lines.join("\n"))
    }

    /// Runs one statement as its own transaction and answers how many rows it changed.
    pub(crate) async fn run(&self, statement: &'static str, args: Vec<Value>) -> Sql<u64> {
        let mut tx = self.begin().await?;
        let changed = tx.run(statement, args).await?;
        tx.commit().await?;
        Ok(changed)
    }
}

pub(super) fn pg(values: Vec<Value>) -> Sql<PgArguments> {
    pg_with::<0>(values, &[])
}

/// The arguments, and the columns of a piece: the first one stands where the rows stand, the others come last, as the
/// marker counts them.
fn pg_with<const N: usize>(values: Vec<Value>, piece: &[[Cell<'_>; N]]) -> Sql<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Uuid(id) => arguments.add(id),
            Value::Bool(flag) => arguments.add(flag),
            Value::Uuids(ids) => arguments.add(ids),
            Value::Longs(ids) => arguments.add(ids),
            Value::Rows => {
                bind(&mut arguments, piece, 0)?;
                continue;
            }
        }
        .map_err(|error| Failure::row(error.to_string()))?;
    }
    for column in 1..N {
        bind(&mut arguments, piece, column)?;
    }
    Ok(arguments)
}

/// The arguments with the piece, as JSON, where the rows stand.
fn placed<const N: usize>(mut values: Vec<Value>, piece: &[[Cell<'_>; N]]) -> Vec<Value> {
    for value in &mut values {
        if matches!(value, Value::Rows) {
            *value = Value::Text(Some(as_json(piece)));
        }
    }
    values
}

pub(super) fn lite(values: Vec<Value>) -> Sql<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Uuid(id) => arguments.add(id.map(|id| id.to_string())),
            Value::Bool(flag) => arguments.add(flag),
            Value::Uuids(ids) => arguments.add(serde_json::to_string(&ids).unwrap_or_default()),
            Value::Longs(ids) => arguments.add(serde_json::to_string(&ids).unwrap_or_default()),
            // Replaced before; without rows there are none.
            Value::Rows => arguments.add("[]"),
        }
        .map_err(|error| Failure::row(error.to_string()))?;
    }
    Ok(arguments)
}
