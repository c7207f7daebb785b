//! Keybell processes that a command starts for itself: the fleet of `keybell demo --cluster`, and what `keybell bench`
//! measures.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::config::{Config, RunMode};
use secrecy::ExposeSecret as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::configuration::mode_name;
use crate::output::complain;

/// How long a process may take to finish what is in hand.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many of its last words are told of a process that ended before its time.
const LAST_LINES: usize = 5;

/// Running processes; killed when they are dropped.
pub(super) struct Children {
    logs: PathBuf,
    processes: Vec<Process>,
}

struct Process {
    name: String,
    child: Child,
    /// Open as long as this process lives: a child that wants to can see that nobody is left who would end it.
    _stdin: Option<ChildStdin>,
}

impl Children {
    /// None yet; their logs will lie in the folder `logs`.
    pub(super) fn new(logs: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&logs).with_context(|| format!("the folder {} cannot be made", logs.display()))?;
        Ok(Self { logs, processes: Vec::new() })
    }

    /// Starts this program once more. Secrets go by the environment, never as arguments, which others can see. Answers the
    /// process's number.
    pub(super) fn start(
        &mut self,
        name: &str,
        arguments: &[OsString],
        environment: &[(&'static str, OsString)],
    ) -> Result<u32> {
        let program = std::env::current_exe().context("this program's own path")?;
        let log = self.logs.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("the log {} cannot be made", log.display()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        // Not left in the child: waiting for it would close the pipe.
        let stdin = child.stdin.take();
        let number = child.id().unwrap_or_default();
        self.processes.push(Process { name: name.to_owned(), child, _stdin: stdin });
        Ok(number)
    }

    /// The names and numbers of those that were started.
    pub(super) fn numbers(&self) -> Vec<(String, u32)> {
        let numbered = |process: &Process| Some((process.name.clone(), process.child.id()?));
        self.processes.iter().filter_map(numbered).collect()
    }

    /// Fails when one of them has ended, with its last words.
    pub(super) fn all_run(&mut self) -> Result<()> {
        for process in &mut self.processes {
            if let Ok(Some(status)) = process.child.try_wait() {
                let log = self.logs.join(format!("{}.log", process.name));
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n  ");
                anyhow::bail!(
                    "the process {} ended before its time ({status}); its last words:\n  {last}",
                    process.name
                );
            }
        }
        Ok(())
    }

    /// Asks every process to finish, and waits.
    pub(super) async fn finish(mut self) {
        for (_, number) in self.numbers() {
            // A process that has already ended needs no signal.
            Command::new("kill").arg(number.to_string()).stderr(Stdio::null()).status().await.ok();
        }
        for Process { name, child, .. } in &mut self.processes {
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                complain(&format!("{name} did not finish within {} s and is ended", PATIENCE.as_secs()));
                child.kill().await.ok();
            }
        }
    }
}

/// The environment that makes a child work in the same place as this process.
pub(super) fn environment(config: &Config) -> Result<Vec<(&'static str, OsString)>> {
    let folder = std::path::absolute(&config.folder).context("the folder")?;
    let mut variables: Vec<(&'static str, OsString)> =
        vec![("KEYBELL_MODE", mode_name(config.mode).into()), ("KEYBELL_FOLDER", folder.into())];
    if config.mode == RunMode::Cluster {
        variables.extend([
            ("KEYBELL_DATABASE_URL", config.database.url.expose_secret().into()),
            ("KEYBELL_AMQP_URL", config.broker.url.expose_secret().into()),
            ("KEYBELL_REDIS_URL", config.redis.url.expose_secret().into()),
            ("KEYBELL_BROKER__PREFIX", config.broker.prefix.clone().into()),
            ("KEYBELL_REDIS__PREFIX", config.redis.prefix.clone().into()),
        ]);
    }
    Ok(variables)
}
