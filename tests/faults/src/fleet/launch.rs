//! How one of our processes is started, and what every one of them sees: this world's variables and no others.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

use super::log::Log;
use super::{Kind, Settings};

/// No command takes longer than this.
const PATIENCE: Duration = Duration::from_mins(2);

/// Everything that a start needs.
pub(super) struct Launch {
    program: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    logs: PathBuf,
}

impl Launch {
    /// Makes the folders. The data folder belongs to its owner alone, as the program itself would make it.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let Settings { program, folder, variables, logs, .. } = settings;
        for path in [folder, logs] {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.with_context(|| format!("{} cannot be made", path.display()))?;
        }
        Ok(Self { program: program.clone(), folder: folder.clone(), variables: variables.clone(), logs: logs.clone() })
    }

    /// The data folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log of a process, which goes on where it was when that is started again.
    pub(super) fn log(&self, name: &str) -> Log {
        Log::new(self.logs.join(format!("{name}.log")), &self.variables)
    }

    /// Starts a process. Its further variables are its own.
    pub(super) fn start(&self, kind: Kind, own: &[(String, String)], log: &Log) -> Result<Child> {
        let mut command = self.command(kind.arguments());
        command.envs(own.iter().map(|(name, value)| (name, value)));
        command.stdout(log.open()?).stderr(log.open()?);
        command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))
    }

    /// Runs a command to its end, and answers its exit code, what it wrote to standard output, and the last lines of its
    /// log. Standard output may hold a new API key, so it goes to no file.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        let log = self.log("commands");
        log.mark();
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(log.open()?);
        let child = command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))?;
        let Ok(ended) = tokio::time::timeout(PATIENCE, child.wait_with_output()).await else {
            bail!("`keybell {}` did not end within {PATIENCE:?}: {}", arguments.join(" "), log.last_words());
        };
        let ended = ended.with_context(|| format!("`keybell {}` was lost", arguments.join(" ")))?;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        Ok((ended.status.code(), said, log.last_words()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // The working folder has no configuration file.
        command.arg("--folder").arg(&self.folder).args(arguments).current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KEYBELL_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}
