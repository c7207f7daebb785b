//! Plain SQL beside the ledger. Every value is text, so that a test reads the same from both databases.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Column as _, Postgres, Sqlite, Transaction, TypeInfo as _};

/// Connections of its own to a test's database. Ids are written into the statements: `… WHERE id = '{id}'`.
#[derive(Clone, Debug)]
pub struct Raw(Pool);

#[derive(Clone, Debug)]
enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Raw {
    /// On PostgreSQL.
    ///
    /// # Panics
    /// When this is no URL.
    pub fn postgres(url: &str) -> Self {
        Self(Pool::Postgres(PgPoolOptions::new().max_connections(2).connect_lazy(url).expect("a PostgreSQL URL")))
    }

    /// On an SQLite file.
    pub fn sqlite(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(5));
        Self(Pool::Sqlite(SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options)))
    }

    /// Whether this is PostgreSQL, for a statement that cannot be written for both.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.0, Pool::Postgres(_))
    }

    /// All rows. NULL reads as `NULL`, a Boolean as `true` or `false`.
    ///
    /// # Panics
    /// When the database refuses the statement.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let refused = |error: sqlx::Error| -> ! { panic!("{sql}: {error}") };
        match &self.0 {
            Pool::Postgres(pool) => {
                // Unprepared statements answer in text.
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap_or_else(|e| refused(e));
                rows.iter().map(texts).collect()
            }
            Pool::Sqlite(pool) => {
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap_or_else(|e| refused(e));
                rows.iter().map(texts).collect()
            }
        }
    }

    /// The first column of each row.
    ///
    /// # Panics
    /// When the database refuses the statement.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().filter_map(|row| row.into_iter().next()).collect()
    }

    /// The first column of the only row.
    ///
    /// # Panics
    /// When there is not exactly one row.
    pub async fn text(&self, sql: &str) -> String {
        let mut column = self.column(sql).await;
        assert_eq!(column.len(), 1, "{sql}: not one row");
        column.remove(0)
    }

    /// The first column of the only row, as a number.
    ///
    /// # Panics
    /// When there is not exactly one row, or no number in it.
    pub async fn number(&self, sql: &str) -> i64 {
        let text = self.text(sql).await;
        i64::from_str(&text).unwrap_or_else(|_| panic!("{sql}: {text} is no number"))
    }

    /// Runs a statement and answers how many rows it changed.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn run(&self, sql: &str) -> u64 {
        let changed = match &self.0 {
            Pool::Postgres(pool) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(|r| r.rows_affected()),
            Pool::Sqlite(pool) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(|r| r.rows_affected()),
        };
        changed.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

/// A transaction that stays open until it is committed; dropped, it never happened.
#[derive(Debug)]
pub enum Open {
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
}

impl Raw {
    /// Runs a statement and leaves its transaction open.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn begin(&self, sql: &str) -> Open {
        let refused = |error: sqlx::Error| -> ! { panic!("{sql}: {error}") };
        match &self.0 {
            Pool::Postgres(pool) => {
                let mut open = pool.begin().await.unwrap_or_else(|e| refused(e));
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *open).await.unwrap_or_else(|e| refused(e));
                Open::Postgres(open)
            }
            Pool::Sqlite(pool) => {
                let mut open = pool.begin_with("BEGIN IMMEDIATE").await.unwrap_or_else(|e| refused(e));
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *open).await.unwrap_or_else(|e| refused(e));
                Open::Sqlite(open)
            }
        }
    }
}

impl Open {
    /// Makes it so.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn commit(self) {
        match self {
            Self::Postgres(open) => open.commit().await,
            Self::Sqlite(open) => open.commit().await,
        }
        .expect("a commit");
    }
}

fn texts<R>(row: &R) -> Vec<String>
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    for<'r> Option<String>: sqlx::Decode<'r, R::Database>,
{
    row.columns()
        .iter()
        .map(|column| {
            let text: Option<String> = row.try_get_unchecked(column.ordinal()).expect("a value as text");
            let flag = column.type_info().name().starts_with("BOOL");
            match (flag, text.as_deref()) {
                (_, None) => "NULL".to_owned(),
                (true, Some("t" | "1")) => "true".to_owned(),
                (true, Some("f" | "0")) => "false".to_owned(),
                (_, Some(text)) => text.to_owned(),
            }
        })
        .collect()
}
