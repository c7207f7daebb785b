//! Where the bench works: a temporary folder, and in cluster mode a database and prefixes of its own. Nothing of it is
//! anybody's, and all of it is deleted at the end.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use keybell_backends::board::redis::RedisBoard;
use keybell_backends::ledger::{create_database, drop_database};
use keybell_backends::queue::rabbitmq;
use keybell_shared::config::{Config, RunMode};
use keybell_shared::ids::TaskId;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use super::super::demo::cluster::servers;
use super::Plan;
use crate::configuration;
use crate::outcome::Exit;

/// The names of the bench's databases begin so. `keybell bench-process` works in no other.
const DATABASE: &str = "keybell_bench_";
/// The bench's folders hold this file. `keybell bench-process` works in no other.
const MARK: &str = ".keybell-bench";

/// A place of the bench's own.
pub(super) struct Place {
    folder: TempDir,
    /// What there is on servers.
    servers: Option<Servers>,
    /// The configuration of this process there.
    pub(super) config: Config,
    /// The task, once there is one: the board may show it.
    pub(super) task: OnceLock<TaskId>,
}

struct Servers {
    /// The database in which nothing is done but making and dropping ours.
    url: SecretString,
    database: String,
}

impl Place {
    /// Makes it.
    ///
    /// # Errors
    /// When a parameter is not possible, or the folder or the database cannot be made.
    pub(super) async fn make(plan: &Plan, mode: RunMode) -> Result<Self> {
        let mut config = match mode {
            RunMode::Embedded => configuration::load(plan.file.as_deref()).context(Exit::Configuration)?,
            RunMode::Cluster => servers(plan.file.as_deref(), "bench in cluster mode").context(Exit::Configuration)?,
        };
        config.mode = mode;
        config.hashing = plan.cost(&config.hashing);
        if !plan.arguments.without_hashing {
            // The floor of the configuration is ours as well.
            config.check().map_err(|error| Exit::Usage.because(error.to_string()))?;
        }
        config.hashing.threads = plan.threads(&config);
        std::fs::create_dir_all(&plan.beside)
            .with_context(|| format!("the folder {} cannot be made", plan.beside.display()))?;
        let folder = tempfile::Builder::new()
            .prefix("keybell-bench-")
            .tempdir_in(&plan.beside)
            .with_context(|| format!("no folder can be made in {}; choose with --folder", plan.beside.display()))?;
        std::fs::write(folder.path().join(MARK), "").context("the folder's mark")?;
        folder.path().clone_into(&mut config.folder);
        config.keys.folder.clear();
        let servers = match mode {
            RunMode::Embedded => None,
            RunMode::Cluster => Some(Servers::make(&mut config).await?),
        };
        Ok(Self { folder, servers, config, task: OnceLock::new() })
    }

    /// Whether what this URL names runs on this machine.
    pub(super) fn is_here(url: &SecretString) -> bool {
        let Ok(url) = reqwest::Url::parse(url.expose_secret()) else { return false };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Deletes it, as far as it can be deleted.
    ///
    /// # Errors
    /// Names what is left.
    pub(super) async fn delete(self) -> Result<()> {
        let mut left = Vec::new();
        if let Some(servers) = &self.servers {
            if let Err(error) = rabbitmq::delete(&self.config.broker.url, &self.config.broker.prefix).await {
                left.push(format!("queues and exchanges `{}.…`: {error}", self.config.broker.prefix));
            }
            if let Some(task) = self.task.get() {
                let board = RedisBoard::new(&self.config.redis.url, &self.config.redis.prefix)?;
                if let Err(error) = board.forget(*task).await {
                    left.push(format!("keys `{}:…` on Redis: {error}", self.config.redis.prefix));
                }
            }
            if let Err(error) = drop_database(&servers.url, &servers.database).await {
                left.push(format!("the database {}: {error}", servers.database));
            }
        }
        let folder = self.folder.path().to_owned();
        if let Err(error) = self.folder.close() {
            left.push(format!("the folder {}: {error}", folder.display()));
        }
        anyhow::ensure!(
            left.is_empty(),
            "the bench could not take everything away; delete yourself: {}",
            left.join("; ")
        );
        Ok(())
    }
}

impl Servers {
    /// Makes a database, and sets the names of a place that nobody else uses.
    async fn make(config: &mut Config) -> Result<Self> {
        let url = config.database.url.clone();
        let number = uuid::Uuid::now_v7().simple().to_string();
        let database = format!("{DATABASE}{number}");
        config.database.url = create_database(&url, &database).await.map_err(|error| {
            Exit::Unavailable.because(format!(
                "no database of the bench's own can be made: {error}; its user (database.url) may need ALTER USER … CREATEDB"
            ))
        })?;
        let prefix = format!("keybell-bench-{number}");
        config.broker.prefix.clone_from(&prefix);
        config.redis.prefix = prefix;
        Ok(Self { url, database })
    }
}

/// Refuses to work anywhere but in a place that the bench made.
///
/// The processes of the bench may hash at a cost below the floor of the configuration, so that the rest can be measured.
/// Nobody's password may ever be hashed so: the folder must hold the bench's mark, and the database must be one that only
/// the bench makes. A flag or variable that lowers the floor anywhere else does not exist.
///
/// # Errors
/// When it is any other place.
pub(super) fn only_here(config: &Config) -> Result<()> {
    let refuse = |what: &str| {
        Err(Exit::Usage.because(format!(
            "{what} was not made by `keybell bench`; this command is a part of it and works nowhere else: run `keybell bench`"
        )))
    };
    if !config.folder.join(MARK).is_file() {
        return refuse(&format!("the folder {}", config.folder.display()));
    }
    if config.mode == RunMode::Cluster {
        let url = reqwest::Url::parse(config.database.url.expose_secret()).ok();
        let ours = url.is_some_and(|url| url.path().trim_start_matches('/').starts_with(DATABASE));
        if !ours || !config.broker.prefix.starts_with("keybell-bench-") {
            return refuse("the database or broker prefix");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_of_the_bench_is_worked_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { folder: folder.path().to_owned(), ..Config::default() };
        assert_eq!(Exit::of(&only_here(&config).expect_err("no mark")), Exit::Usage);
        std::fs::write(folder.path().join(MARK), "").expect("a mark");
        only_here(&config).expect("ours");
        config.mode = RunMode::Cluster;
        "keybell-bench-1".clone_into(&mut config.broker.prefix);
        for (url, ours) in [
            ("postgres://u:p@127.0.0.1/keybell", false),
            ("postgres://u:p@127.0.0.1/keybell_bench_1", true),
            ("postgres://keybell_bench_:p@127.0.0.1/x?y=keybell_bench_", false),
            ("", false),
        ] {
            config.database.url = SecretString::from(url);
            assert_eq!(only_here(&config).is_ok(), ours, "{url}");
        }
    }

    #[test]
    fn only_this_machine_is_here() {
        for (url, here) in [
            ("postgres://u@localhost:5/x", true),
            ("redis://[::1]:1", true),
            ("amqp://db.example.org/%2f", false),
            ("", false),
        ] {
            assert_eq!(Place::is_here(&SecretString::from(url)), here, "{url}");
        }
    }
}
