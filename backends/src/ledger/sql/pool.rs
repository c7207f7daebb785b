//! How the connections are used, and how long a transaction waits for one.

use std::future::Future;

use keybell_shared::clock::Stopwatch;
use keybell_shared::metrics;
use sqlx::{Database, Pool};

use super::open::Db;

/// The connections of one pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Which pool: `all` on PostgreSQL; `writer` and `readers` on SQLite.
    pub pool: &'static str,
    /// Connections that a statement or transaction uses.
    pub in_use: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
    /// The most connections that there may be.
    pub max: u32,
}

impl Db {
    /// How the connections are used right now.
    pub(crate) fn connections(&self) -> Vec<Connections> {
        match self {
            Self::Postgres { pool, .. } => vec![of("all", pool)],
            Self::Sqlite { writer, readers, .. } => vec![of("writer", writer), of("readers", readers)],
        }
    }

    /// How many transactions can write at the same time.
    pub(crate) fn writers(&self) -> u32 {
        match self {
            Self::Postgres { pool, .. } => pool.options().get_max_connections(),
            Self::Sqlite { .. } => 1,
        }
    }
}

fn of<D: Database>(name: &'static str, pool: &Pool<D>) -> Connections {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    Connections {
        pool: name,
        in_use: pool.size().saturating_sub(idle),
        idle,
        max: pool.options().get_max_connections(),
    }
}

/// Notes how long a transaction took to begin.
pub(super) async fn timed<T>(begin: impl Future<Output = T>) -> T {
    let watch = Stopwatch::start();
    let transaction = begin.await;
    metrics::get().backends.begin_seconds.observe(watch.elapsed().as_secs_f64());
    transaction
}
