//! The demo's fleet: a scheduler, two reset workers, an e-mail and an SMS worker, each a process.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use keybell_shared::config::{Config, RunMode};
use secrecy::SecretString;

use super::super::children::{Children, environment};
use crate::configuration;
use crate::output::complain;

/// The first word of the demo's exchanges, queues and keys, so that it never meddles with a real fleet's.
const PREFIX: &str = "keybell-demo";

/// The configuration of the cluster demo.
pub(super) fn configure(file: Option<&Path>, folder: &Path) -> Result<Config> {
    let mut config = servers(file, "demo --cluster")?;
    config.mode = RunMode::Cluster;
    folder.clone_into(&mut config.folder);
    PREFIX.clone_into(&mut config.broker.prefix);
    PREFIX.clone_into(&mut config.redis.prefix);
    config.check().map_err(|error| anyhow::anyhow!("configuration: {error}"))?;
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    Ok(config)
}

/// A configuration that names three servers: the environment's, or those of `scripts/services`. `command` is who needs
/// them.
pub(in crate::commands) fn servers(file: Option<&Path>, command: &str) -> Result<Config> {
    let mut config = configuration::load(file).or_else(|error| {
        // The one thing that may be missing is what the services script knows.
        if file.is_some() { Err(error) } else { Ok(Config::default()) }
    })?;
    if !configuration::missing_for_cluster(&config).is_empty() {
        from_services(&mut config, command)?;
    }
    Ok(config)
}

/// Starts PostgreSQL, Redis and RabbitMQ with the script beside this project, and asks it where they are.
fn from_services(config: &mut Config, command: &str) -> Result<()> {
    let script = Path::new("scripts/services");
    let missing = configuration::missing_for_cluster(config);
    if !script.exists() {
        bail!("{command} needs {}; or run it where scripts/services is, which starts all three", missing.join(", "));
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

/// Starts the fleet's processes. Their logs lie in the demo's folder.
pub(super) fn start(config: &Config, folder: &Path) -> Result<Children> {
    let mut fleet = Children::new(folder.join("logs"))?;
    let mut environment = environment(config)?;
    environment.push(("KEYBELL_SCHEDULER__SCAN_SECONDS", "1".into()));
    for (name, arguments) in [
        ("scheduler", &["scheduler"] as &[&str]),
        ("reset-worker-1", &["worker", "--stages", "reset"]),
        ("reset-worker-2", &["worker", "--stages", "reset"]),
        ("email-worker", &["worker", "--stages", "email"]),
        ("sms-worker", &["worker", "--stages", "sms"]),
    ] {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        let number = fleet.start(name, &arguments, &environment)?;
        complain(&format!("  {name:<16} process {number}"));
    }
    complain("");
    Ok(fleet)
}
