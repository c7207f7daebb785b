//! The ledger over PostgreSQL or SQLite: one file per use case, each written once for both databases.

mod accounts;
mod approval;
mod attempts;
mod chosen;
mod claim;
mod commit;
mod contacts;
mod control;
mod counters;
mod decided;
mod directory;
mod dispatch;
mod examine;
mod expansion;
mod facts;
mod grades;

mod intake;
mod journal;
mod keys;
mod leader;
mod links;
mod name_keys;
mod new_notices;
mod notices;
mod outbox;
mod own_database;
mod paging;
mod periodic;
mod plan;
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
mod uploaded;
mod uploads;
mod waves;
mod webhooks;

use std::path::Path;

use secrecy::SecretString;

pub use directory::{Bounds, SearchPlan};
pub use own_database::{create_database, drop_database};
use requests::Requests;
use sql::Db;
pub use sql::{Connections, OpenError};

/// The ledger.
#[derive(Debug, Clone)]
pub struct SqlLedger {
    db: Db,
    requests: Requests,
    /// What imports of this process have met.
    numbers: roster::Numbers,
}

impl SqlLedger {
    /// PostgreSQL. Connects when first used.
    ///
    /// # Errors
    /// When the URL makes no sense.
    pub fn postgres(url: &SecretString, connections: u32) -> Result<Self, OpenError> {
        Ok(Self {
            db: Db::postgres(url, connections)?,
            requests: Requests::default(),
            numbers: roster::Numbers::default(),
        })
    }

    /// SQLite, in one file.
    ///
    /// # Errors
    /// When the file cannot be opened or made.
    pub async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { db: Db::sqlite(path).await?, requests: Requests::default(), numbers: roster::Numbers::default() })
    }

    /// Brings the schema up to this build's, and fills in what rows of older builds lack.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses a migration.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.db.migrate().await?;
        let filled = match self.fill_name_keys().await {
            Ok(()) => self.normalise_grades().await,
            failed => failed,
        };
        filled.map_err(|failure| OpenError::Database(keybell_shared::error::LedgerError::from(failure).to_string()))
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
