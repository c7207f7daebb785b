//! Opening either database.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::dialect::Translations;
use super::pool::timed;
use super::room::{self, Room};
use super::trust::Trust;
use super::{Failure, Sql, Tx};

static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");

/// How long a statement waits for a free connection before the database counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(2);

/// Every statement finds its rows by an index, as on SQLite, which knows nothing else. PostgreSQL prefers to scan a table
/// while that is small, and keeps to such a plan while the table grows: until its statistics are renewed, a minute later or
/// more, each statement of a first large task would read the whole table. The people of some classes are put into a hash,
/// if that fits; else PostgreSQL would read them again for each account.
const BY_INDEX: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off; SET enable_material = off; SET jit = off; SET work_mem = '64MB'";

/// How often a transaction is run again after a collision.
const COLLISIONS: u32 = 5;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL makes no sense.
    #[error("database.url is no PostgreSQL URL: {0}")]
    Url(String),
    /// Another process has the embedded ledger open.
    #[error("{0} is in use by another Keybell process; stop it, or choose another folder")]
    InUse(PathBuf),
    /// A file or folder cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The database said no.
    #[error("the database could not be opened: {0}")]
    Database(String),
}

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    Postgres { pool: PgPool, trust: Trust, translations: Translations, room: Room },
    Sqlite { writer: SqlitePool, readers: SqlitePool, translations: Translations },
}

impl Db {
    /// PostgreSQL. Connects when first used, so that a database that is down is not an error here.
    pub(crate) fn postgres(url: &SecretString, connections: u32) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|error| OpenError::Url(error.to_string()))?
            .application_name("keybell")
            // Texts of statements are long and say nothing to whoever reads the log; the database's own log has slow ones.
            .disable_statement_logging();
        let trust = Trust::default();
        let (asked, room) = (trust.clone(), Room::default());
        let seen = room.clone();
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            // The driver would ask each connection whether it lives before each use: every other message to the database.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let believed = asked.believes(meta.idle_for);
                Box::pin(async move { Ok(believed || connection.ping().await.is_ok()) })
            })
            .after_connect(move |connection, _| {
                let seen = seen.clone();
                Box::pin(async move {
                    sqlx::raw_sql(BY_INDEX).execute(&mut *connection).await?;
                    seen.note(sqlx::raw_sql(room::QUESTION).fetch_optional(connection).await?)
                })
            })
            .connect_lazy_with(options);
        Ok(Self::Postgres { pool, trust, translations: Translations::default(), room })
    }

    /// SQLite: write-ahead log, full synchronisation, erased rows overwritten, readable by its owner alone.
    pub(crate) async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        let file = |reason: std::io::Error| OpenError::File { path: path.to_owned(), reason: reason.to_string() };
        if !path.exists() {
            use std::os::unix::fs::OpenOptionsExt as _;
            // Created here, because SQLite would create it readable for all.
            drop(std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(file)?);
        }
        let options = of_file(path);
        let database = |error: sqlx::Error| OpenError::Database(error.to_string());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            // A full disk makes SQLite roll back by itself, after which the driver believes that a transaction is still
            // open and begins no other. Such a connection is thrown away, so that work goes on when there is room again.
            .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await
            .map_err(database)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(options.read_only(true))
            .await
            .map_err(database)?;
        Ok(Self::Sqlite { writer, readers, translations: Translations::default() })
    }

    /// Brings the schema up to this build's.
    pub(crate) async fn migrate(&self) -> Result<(), OpenError> {
        match self {
            Self::Postgres { pool, .. } => POSTGRES.run(pool).await,
            Self::Sqlite { writer, .. } => SQLITE.run(writer).await,
        }
        .map_err(|error| OpenError::Database(error.to_string()))
    }

    /// The number of the newest migration that this build brings.
    pub(crate) fn newest_migration(&self) -> i64 {
        let migrator = match self {
            Self::Postgres { .. } => &POSTGRES,
            Self::Sqlite { .. } => &SQLITE,
        };
        migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Sql<Tx> {
        Ok(match self {
            Self::Postgres { pool, trust, translations, room } => {
                // Nothing has happened before a transaction begins, so that may be tried again.
                let begun = match timed(pool.begin()).await {
                    Err(error) if trust.is_lost_by(&error) => timed(pool.begin()).await?,
                    begun => begun?,
                };
                Tx::postgres(begun, translations.clone(), room.clone())
            }
            Self::Sqlite { writer, translations, .. } => {
                // IMMEDIATE: a reader that becomes a writer fails at once, whatever the time-out.
                Tx::sqlite(timed(writer.begin_with("BEGIN IMMEDIATE")).await?, translations.clone())
            }
        })
    }

    /// Runs a transaction, again after a collision (at most five times).
    pub(crate) async fn retrying<T, F, Fut>(&self, transaction: F) -> Sql<T>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Sql<T>> + Send,
        T: Send,
    {
        let mut collisions = 0;
        loop {
            match transaction().await {
                Err(Failure::Collision(reason)) if collisions < COLLISIONS => {
                    collisions += 1;
                    keybell_shared::metrics::get().backends.collisions.inc();
                    tracing::debug!(reason, collisions, "transactions collided; again");
                    tokio::time::sleep(Duration::from_millis(5 << collisions)).await;
                }
                other => return other,
            }
        }
    }

    /// Closes every connection; the embedded database file is complete afterwards.
    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres { pool, .. } => pool.close().await,
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// How the file is opened.
fn of_file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("secure_delete", "ON")
        .pragma("cache_size", "-32768")
        .disable_statement_logging()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_is_ever_logged_not_a_slow_one_either() {
        let quiet = |options: String| {
            assert!(options.contains("statements_level: Off"), "{options}");
            assert!(options.contains("slow_statements_level: Off"), "{options}");
        };
        let url = SecretString::from("postgres://nobody@127.0.0.1:1/none");
        let Ok(Db::Postgres { pool, .. }) = Db::postgres(&url, 1) else { panic!("no pool") };
        quiet(format!("{:?}", pool.connect_options()));
        quiet(format!("{:?}", of_file(Path::new("k.sqlite"))));
    }
}
