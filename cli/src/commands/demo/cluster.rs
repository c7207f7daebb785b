//! The demo's fleet: a scheduler, two reset workers, an e-mail and an SMS worker, each a process.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::config::{Config, RunMode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::process::{Child, Command};

use crate::configuration;
use crate::output::complain;

/// The first word of the demo's exchanges, queues and keys, so that it never meddles with a real fleet's.
const PREFIX: &str = "keybell-demo";

/// How long a process may take to finish what is in hand.
const PATIENCE: Duration = Duration::from_secs(30);

/// The configuration of the cluster demo: the environment's servers, or those of `scripts/services`.
pub(super) fn configure(file: Option<&Path>, folder: &Path) -> Result<Config> {
    let mut config = configuration::load(file).or_else(|error| {
        // The one thing that may be missing is what the services script knows.
        if file.is_some() { Err(error) } else { Ok(Config::default()) }
    })?;
    if !configuration::missing_for_cluster(&config).is_empty() {
        from_services(&mut config)?;
    }
    config.mode = RunMode::Cluster;
    folder.clone_into(&mut config.folder);
    PREFIX.clone_into(&mut config.broker.prefix);
    PREFIX.clone_into(&mut config.redis.prefix);
    config.check().map_err(|error| anyhow::anyhow!("configuration: {error}"))?;
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    Ok(config)
}

/// Starts PostgreSQL, Redis and RabbitMQ with the script beside this project, and asks it where they are.
fn from_services(config: &mut Config) -> Result<()> {
    let script = Path::new("scripts/services");
    let missing = configuration::missing_for_cluster(config);
    if !script.exists() {
        bail!(
            "demo --cluster needs {}; or run it where scripts/services is, which starts all three",
            missing.join(", ")
        );
    }
    complain("starting PostgreSQL, Redis and RabbitMQ (scripts/services up) …");
    let up = std::process::Command::new(script)
        .arg("up")
        .stdout(Stdio::null())
        .status()
        .context("scripts/services cannot be run")?;
    if !up.success() {
        bail!("scripts/services up did not succeed; its message above says why");
    }
    let told = std::process::Command::new(script).arg("env").output().context("scripts/services env")?;
    for line in String::from_utf8_lossy(&told.stdout).lines() {
        let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')) else { continue };
        let value = SecretString::from(value.trim_matches(['\'', '"']));
        match name {
            "KEYBELL_DATABASE_URL" => config.database.url = value,
            "KEYBELL_AMQP_URL" => config.broker.url = value,
            "KEYBELL_REDIS_URL" => config.redis.url = value,
            _ => {}
        }
    }
    Ok(())
}

/// The fleet's processes.
pub(super) struct Fleet {
    processes: Vec<(String, Child)>,
}

impl Fleet {
    /// Starts them. Their logs lie in the demo's folder.
    pub(super) fn start(config: &Config, folder: &Path) -> Result<Self> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("the folder {} cannot be made", logs.display()))?;
        let mut fleet = Self { processes: Vec::new() };
        for (name, arguments) in [
            ("scheduler", &["scheduler"] as &[&str]),
            ("reset-worker-1", &["worker", "--stages", "reset"]),
            ("reset-worker-2", &["worker", "--stages", "reset"]),
            ("email-worker", &["worker", "--stages", "email"]),
            ("sms-worker", &["worker", "--stages", "sms"]),
        ] {
            let child = start(config, arguments, &logs.join(format!("{name}.log")))?;
            complain(&format!("  {name:<16} process {}", child.id().unwrap_or_default()));
            fleet.processes.push((name.to_owned(), child));
        }
        complain("");
        Ok(fleet)
    }

    /// Asks every process to finish, and waits.
    pub(super) async fn finish(mut self) {
        for (_, child) in &self.processes {
            if let Some(pid) = child.id() {
                // A process that has already ended needs no signal.
                Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status().await.ok();
            }
        }
        for (name, child) in &mut self.processes {
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                complain(&format!("{name} did not finish within {} s and is ended", PATIENCE.as_secs()));
                child.kill().await.ok();
            }
        }
    }
}

fn start(config: &Config, arguments: &[&str], log: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("this program's own path")?;
    let out = File::create(log).with_context(|| format!("the log {} cannot be made", log.display()))?;
    let absolute = std::path::absolute(&config.folder).context("the demo's folder")?;
    Command::new(program)
        .args(arguments)
        // Secrets by environment, never as flags, which others can see.
        .env("KEYBELL_MODE", "cluster")
        .env("KEYBELL_FOLDER", absolute)
        .env("KEYBELL_DATABASE_URL", config.database.url.expose_secret())
        .env("KEYBELL_AMQP_URL", config.broker.url.expose_secret())
        .env("KEYBELL_REDIS_URL", config.redis.url.expose_secret())
        .env("KEYBELL_BROKER__PREFIX", PREFIX)
        .env("KEYBELL_REDIS__PREFIX", PREFIX)
        .env("KEYBELL_SCHEDULER__SCAN_SECONDS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(out)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("keybell {} cannot be started", arguments.join(" ")))
}
