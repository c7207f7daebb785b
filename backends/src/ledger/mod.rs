//! The ledger over PostgreSQL or SQLite: one file per use case, each written once for both databases.

mod accounts;
mod chosen;
mod claim;
mod commit;
mod contacts;
mod control;
mod counters;
mod decided;
mod dispatch;
mod examine;
mod expansion;
mod facts;
mod intake;
mod journal;
mod keys;
mod leader;
mod new_notices;
mod notices;
mod outbox;
mod own_database;
mod periodic;
mod producers;
mod record;
mod reissue;
mod repair;
mod report;
mod requests;
mod resend;
mod resets;
mod retention;
mod roster;
mod selection;
mod settle;
mod sql;
mod stored;
mod tasks;
mod trace;
mod webhooks;

use std::path::Path;

use secrecy::SecretString;

pub use own_database::{create_database, drop_database};
use sql::Db;
pub use sql::{Connections, OpenError};

/// The ledger.
#[derive(Debug, Clone)]
pub struct SqlLedger {
    db: Db,
}

impl SqlLedger {
    /// PostgreSQL. Connects when first used.
    ///
    /// # Errors
    /// When the URL makes no sense.
    pub fn postgres(url: &SecretString, connections: u32) -> Result<Self, OpenError> {
        Ok(Self { db: Db::postgres(url, connections)? })
    }

    /// SQLite, in one file.
    ///
    /// # Errors
    /// When the file cannot be opened or made.
    pub async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { db: Db::sqlite(path).await? })
    }

    /// Brings the schema up to this build's.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses a migration.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.db.migrate().await
    }

    /// How the connections to the database are used right now; asked when the metrics are read.
    #[must_use]
    pub fn connections(&self) -> Vec<Connections> {
        self.db.connections()
    }

    /// Closes every connection; an embedded file is complete afterwards.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
