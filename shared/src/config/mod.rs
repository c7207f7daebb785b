//! The configuration: one section per file, every field with its default, every unknown field refused.
//!
//! `keybell.toml` is laid over the defaults, and environment variables (`KEYBELL_SECTION__FIELD`) over both. This room
//! only knows the shape and which values fit together; reading files and the environment is the command line's work.

mod backends;
mod blackout;
mod email;
mod hashing;
mod http;
mod keys;
mod links;
mod metrics;
mod passwords;
mod retention;
mod roster;
mod scheduler;
mod sms;
mod timing;
mod tracing;
mod webhooks;
mod worker;

pub use backends::{Broker, Database, Redis};
pub use blackout::{Blackout, Deferral, Window, deferral};
pub use email::{Email, EmailSender};
pub use hashing::Hashing;
pub use http::Http;
pub use keys::Keys;
pub use links::Links;
pub use metrics::Metrics;
pub use passwords::Passwords;
pub use retention::Retention;
pub use roster::Roster;
pub use scheduler::Scheduler;
pub use sms::{Sms, SmsSender};
pub use timing::Timing;
pub use tracing::Tracing;
pub use webhooks::{LONGEST_WAIT, Webhooks};
pub use worker::Worker;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Which implementations of the ports are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunMode {
    /// One process, SQLite, in-process queue: nothing to install.
    #[default]
    Embedded,
    /// PostgreSQL, RabbitMQ, Redis, any number of processes.
    Cluster,
}

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which implementations of the ports are used.
    pub mode: RunMode,
    /// Where the embedded mode keeps its database, keys and outbox.
    pub folder: PathBuf,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
    /// PostgreSQL.
    pub database: Database,
    /// RabbitMQ.
    pub broker: Broker,
    /// Redis.
    pub redis: Redis,
    /// The HTTP API.
    pub http: Http,
    /// Where the keys lie.
    pub keys: Keys,
    /// Where one-time links lead.
    pub links: Links,
    /// The cost of a hash.
    pub hashing: Hashing,
    /// What requests leave open about the new passwords.
    pub passwords: Passwords,
    /// What an import makes of people.
    pub roster: Roster,
    /// The scheduler's loops.
    pub scheduler: Scheduler,
    /// When nothing is handed out.
    pub blackout: Blackout,
    /// Workers of all stages.
    pub worker: Worker,
    /// Deadlines, leases and retries.
    pub timing: Timing,
    /// Telling by e-mail.
    pub email: Email,
    /// Telling by SMS.
    pub sms: Sms,
    /// Webhooks to upstream applications.
    pub webhooks: Webhooks,
    /// Metrics, and whether the process is well.
    pub metrics: Metrics,
    /// Recording spans.
    pub tracing: Tracing,
    /// How long what has ended is kept.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: RunMode::Embedded,
            folder: PathBuf::from("./keybell-data"),
            log: "info".to_owned(),
            log_json: false,
            database: Database::default(),
            broker: Broker::default(),
            redis: Redis::default(),
            http: Http::default(),
            keys: Keys::default(),
            links: Links::default(),
            hashing: Hashing::default(),
            passwords: Passwords::default(),
            roster: Roster::default(),
            scheduler: Scheduler::default(),
            blackout: Blackout::default(),
            worker: Worker::default(),
            timing: Timing::default(),
            email: Email::default(),
            sms: Sms::default(),
            webhooks: Webhooks::default(),
            metrics: Metrics::default(),
            tracing: Tracing::default(),
            retention: Retention::default(),
        }
    }
}

/// A value that does not fit, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConfigError {
    /// The field's path, such as `timing.lease_seconds`.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Config {
    /// Checks every value and whether they fit together.
    ///
    /// # Errors
    /// Names the first field that does not fit.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.http.check()?;
        self.links.check()?;
        self.retention.check()?;
        self.hashing.check()?;
        self.timing.check()?;
        self.worker.check()?;
        self.passwords.check()?;
        self.roster.check()?;
        self.scheduler.check()?;
        self.blackout.check()?;
        self.email.check()?;
        self.sms.check()?;
        self.webhooks.check()?;
        self.tracing.check()?;
        if self.mode == RunMode::Cluster {
            for (field, url) in
                [("database.url", &self.database.url), ("broker.url", &self.broker.url), ("redis.url", &self.redis.url)]
            {
                fits(!secrecy::ExposeSecret::expose_secret(url).is_empty(), field, || {
                    "is needed in cluster mode".to_owned()
                })?;
            }
        }
        Ok(())
    }
}

/// Refuses unless `fine`.
fn fits(fine: bool, field: &'static str, reason: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if fine { Ok(()) } else { Err(ConfigError { field, reason: reason() }) }
}

/// Reads a number of seconds, fractions allowed, as a duration.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let number = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(number)
        .map_err(|_| serde::de::Error::custom(format!("`{number}` is no number of seconds")))
}
