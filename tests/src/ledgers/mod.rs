//! Fresh ledgers for tests: a database of their own for each test, on either kind of database.

#![expect(clippy::expect_used, reason = "support of tests: what fails here fails the test, with its reason")]

mod people;
mod postgres;
mod raw;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use keybell_backends::ledger::SqlLedger;
use secrecy::SecretString;

pub use people::{Fixture, address, as_district_admin, district_with, guardian, pupil};
pub use raw::Raw;
pub use work::{accept, expand, request, task};

/// A migrated ledger that belongs to one test, and is gone after it.
pub struct TestLedger {
    /// The ledger.
    pub ledger: Arc<SqlLedger>,
    /// Plain SQL beside the ledger, for what a test asserts or arranges.
    pub raw: Raw,
    home: Home,
}

enum Home {
    // Dropped with the ledger: the database with whatever is still connected, the folder with its files.
    Postgres(postgres::Database),
    Sqlite(tempfile::TempDir),
}

impl TestLedger {
    /// On the PostgreSQL server that `KEYBELL_DATABASE_URL` names: a database of its own.
    ///
    /// # Panics
    /// When the variable is not set, or the server is not there.
    pub async fn postgres() -> Self {
        let database = postgres::Database::create().await;
        let ledger = open_postgres(database.url());
        let raw = Raw::postgres(database.url());
        Self { ledger: Arc::new(ledger), raw, home: Home::Postgres(database) }
    }

    /// In SQLite: a file in a folder of its own.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("keybell.db");
        let ledger = SqlLedger::sqlite(&file).await.expect("an SQLite file");
        ledger.migrate().await.expect("the SQLite migrations");
        let raw = Raw::sqlite(&file);
        Self { ledger: Arc::new(ledger), raw, home: Home::Sqlite(folder) }
    }

    /// A second ledger over the same database with connections of its own, as another process would have it.
    ///
    /// # Panics
    /// When the database cannot be opened again.
    pub async fn another(&self) -> Arc<SqlLedger> {
        Arc::new(match &self.home {
            Home::Postgres(database) => open_postgres(database.url()),
            Home::Sqlite(folder) => SqlLedger::sqlite(&file_in(folder)).await.expect("an SQLite file"),
        })
    }

    /// A second process's view where there can be one; SQLite belongs to one process, so there it is the same ledger.
    ///
    /// # Panics
    /// When the database cannot be opened again.
    pub async fn another_or_same(&self) -> Arc<SqlLedger> {
        if self.raw.is_postgres() { self.another().await } else { Arc::clone(&self.ledger) }
    }

    /// The URL of the PostgreSQL database; `None` for SQLite.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match &self.home {
            Home::Postgres(database) => Some(database.url()),
            Home::Sqlite(_) => None,
        }
    }

    /// The SQLite file; `None` for PostgreSQL.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match &self.home {
            Home::Postgres(_) => None,
            Home::Sqlite(folder) => Some(file_in(folder)),
        }
    }
}

fn file_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("keybell.db")
}

fn open_postgres(url: &str) -> SqlLedger {
    SqlLedger::postgres(&SecretString::from(url), 5).expect("a PostgreSQL URL")
}

/// Makes of each named `async fn name(ledger: &TestLedger)` two tests, `name::postgres` and `name::sqlite`.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(&$crate::ledgers::TestLedger::postgres().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&$crate::ledgers::TestLedger::sqlite().await).await;
            }
        })+
    };
}
