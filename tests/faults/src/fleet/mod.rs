//! Our processes, kept alive as a service manager would.
//!
//! A process that is killed or ends is started again, with the same variables and the same port. Each writes to one log
//! over all its starts. Ends that nobody caused are written down: a process of ours may not end because of a fault of
//! something else.

mod launch;
mod log;
mod process;
mod seen;
pub(crate) mod settings;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::join_all;
use keybell_shared::clock::Stopwatch;
use serde::Serialize;

use crate::evidence::Mode;
use crate::ports::Port;
use launch::Launch;
use process::{Place, Process};

/// How long the whole fleet may take to be there.
const READY: Duration = Duration::from_mins(1);

/// A kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Api,
    Scheduler,
    Reset,
    Email,
    Sms,
    /// Everything in one process: the embedded mode.
    Serve,
}

impl Kind {
    /// In log names and reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Reset => "reset",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Serve => "serve",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["api"],
            Self::Scheduler => &["scheduler"],
            // One thread, so that two of them share a small machine.
            Self::Reset => &["worker", "--stages", "reset", "--concurrency", "1"],
            Self::Email => &["worker", "--stages", "email"],
            Self::Sms => &["worker", "--stages", "sms"],
            Self::Serve => &["serve"],
        }
    }

    /// Whether it has a door.
    const fn listens(self) -> bool {
        matches!(self, Self::Api | Self::Serve)
    }
}

/// What a fleet is made of.
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// The `keybell` program.
    pub(crate) program: PathBuf,
    /// The data folder: keys, and in embedded mode the ledger.
    pub(crate) folder: PathBuf,
    /// What every process is told: [`settings::cluster`] or [`settings::embedded`], and where messages are sent to. A later
    /// one wins over an earlier one.
    pub(crate) variables: Vec<(String, String)>,
    /// How many processes of each kind.
    pub(crate) counts: BTreeMap<Kind, usize>,
    /// Where `<kind>-<index>.log` are written.
    pub(crate) logs: PathBuf,
}

/// How a process ended that was told to stop.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Stopped {
    pub(crate) kind: Kind,
    pub(crate) index: usize,
    /// The exit code; `None` when it had to be killed, or was ended by the signal itself.
    pub(crate) code: Option<i32>,
    pub(crate) took: Duration,
}

/// Running processes; killed when this is dropped.
pub(crate) struct Fleet {
    mode: Mode,
    launch: Arc<Launch>,
    processes: BTreeMap<Kind, Vec<Process>>,
    ports: Vec<Port>,
    unexpected: Arc<Mutex<Vec<String>>>,
    /// In embedded mode one command at a time has the folder.
    commands: tokio::sync::Mutex<()>,
    client: reqwest::Client,
}

impl Fleet {
    /// Brings the ledger up to date, makes keys, starts every process, and waits until the API answers.
    pub(crate) async fn start(settings: Settings) -> Result<Self> {
        keybell_shared::tls::init();
        let launch = Arc::new(Launch::new(&settings)?);
        if settings.mode == Mode::Cluster {
            // The embedded process does both itself.
            for arguments in [["migrate"].as_slice(), &["keys", "create"]] {
                good(arguments, launch.run(arguments).await?)?;
            }
        }
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
        let mut fleet = Self {
            mode: settings.mode,
            launch,
            processes: BTreeMap::new(),
            ports: Vec::new(),
            unexpected: Arc::default(),
            commands: tokio::sync::Mutex::default(),
            client,
        };
        for (kind, count) in settings.counts {
            for index in 0..count {
                fleet.add(kind, index)?;
            }
        }
        fleet.ready().await?;
        Ok(fleet)
    }

    fn add(&mut self, kind: Kind, index: usize) -> Result<()> {
        let mut variables = Vec::new();
        if kind.listens() {
            let port = Port::reserve()?;
            variables.push(("KEYBELL_HTTP__LISTEN".to_owned(), port.address().to_string()));
            self.ports.push(port);
        }
        let (launch, unexpected) = (Arc::clone(&self.launch), Arc::clone(&self.unexpected));
        let process = Process::start(Place { kind, index, variables, launch, unexpected });
        self.processes.entry(kind).or_default().push(process);
        Ok(())
    }

    /// Waits until every API answers.
    pub(crate) async fn ready(&self) -> Result<()> {
        let watch = Stopwatch::start();
        for index in 0..self.ports.len() {
            let url = format!("{}/healthz", self.api_url(index));
            while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                if watch.elapsed() > READY {
                    let (kind, door) = self.door(index).context("there is no API")?;
                    bail!("{}-{index} does not answer within {READY:?}: {}", kind.name(), door.last_words());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// How many processes of this kind there are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.processes.get(&kind).map_or(0, Vec::len)
    }

    /// SIGKILL; started again after `away`. Answers when it is gone, and whether there was one to kill.
    pub(crate) async fn kill(&self, kind: Kind, index: usize, away: Duration) -> bool {
        match self.process(kind, index) {
            Ok(process) => process.kill(away).await,
            Err(_) => false,
        }
    }

    /// SIGTERM; waits for the end, at most 35 seconds, and starts it again.
    pub(crate) async fn terminate(&self, kind: Kind, index: usize) -> Result<Stopped> {
        let stopped = self.process(kind, index)?.terminate().await;
        stopped.with_context(|| format!("{}-{index} was not running when it was to be stopped", kind.name()))
    }

    /// SIGSTOP, and SIGCONT after this long. Answers then, or when the process was ended meanwhile.
    pub(crate) async fn freeze(&self, kind: Kind, index: usize, length: Duration) {
        if let Ok(process) = self.process(kind, index) {
            process.freeze(length).await;
        }
    }

    /// Where an API listens, and will after each start. In embedded mode there is one.
    pub(crate) fn api_url(&self, index: usize) -> String {
        let port = self.ports.get(index).or_else(|| self.ports.first());
        port.map_or_else(String::new, |port| format!("http://{}", port.address()))
    }

    /// Where all APIs listen.
    pub(crate) fn api_urls(&self) -> Vec<String> {
        (0..self.ports.len()).map(|index| self.api_url(index)).collect()
    }

    /// Stops all processes of a kind and keeps them down.
    pub(crate) async fn hold(&self, kind: Kind) {
        join_all(self.all(kind).map(Process::hold)).await;
    }

    /// Starts them again.
    pub(crate) async fn release(&self, kind: Kind) {
        join_all(self.all(kind).map(Process::release)).await;
    }

    /// Stops everything for good. Answers how each process ended that ran.
    pub(crate) async fn stop(&self) -> Vec<Stopped> {
        let all = self.processes.values().flatten();
        join_all(all.map(Process::stop)).await.into_iter().flatten().collect()
    }

    /// Ends that nobody caused, each with the process's last words.
    pub(crate) fn unexpected_exits(&self) -> Vec<String> {
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The processes that run now.
    pub(crate) fn running(&self) -> Vec<(Kind, u32)> {
        let pids = |(kind, processes): (&Kind, &Vec<Process>)| {
            let kind = *kind;
            let pids = processes.iter().filter_map(|process| process.standing().pid);
            pids.map(move |pid| (kind, pid)).collect::<Vec<_>>()
        };
        self.processes.iter().flat_map(pids).collect()
    }

    /// Command lines and environments of the running processes.
    pub(crate) fn processes_seen(&self) -> Vec<u8> {
        seen::of(&self.running())
    }

    /// Files that hold secrets by design: private keys.
    pub(crate) fn key_files(&self) -> Result<Vec<PathBuf>> {
        let folder = self.launch.folder().join("keys");
        let files = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let files = files.filter_map(|file| file.ok().map(|file| file.path()));
        Ok(files.filter(|file| file.extension().is_some_and(|extension| extension == "key")).collect())
    }

    /// Runs `keybell …` of this world to its good end, and answers what it says.
    ///
    /// In embedded mode the folder belongs to one process, so `serve` is stopped meanwhile, unless it is held anyway.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Result<String> {
        let _alone = self.commands.lock().await;
        let stop = self.mode == Mode::Embedded && !self.all(Kind::Serve).all(|process| process.standing().held);
        if stop {
            self.hold(Kind::Serve).await;
        }
        let ended = self.launch.run(arguments).await;
        if stop {
            self.release(Kind::Serve).await;
            self.ready().await?;
        }
        good(arguments, ended?)
    }

    /// Tries a second `serve` on the folder of a running one. Answers its exit code and what it says.
    pub(crate) async fn second_process(&self) -> Result<(Option<i32>, String)> {
        let (code, said, words) = self.launch.run(Kind::Serve.arguments()).await?;
        Ok((code, format!("{said}{words}")))
    }

    fn all(&self, kind: Kind) -> impl Iterator<Item = &Process> {
        self.processes.get(&kind).into_iter().flatten()
    }

    fn process(&self, kind: Kind, index: usize) -> Result<&Process> {
        let found = self.processes.get(&kind).and_then(|all| all.get(index));
        found.with_context(|| format!("this fleet has no {}-{index}", kind.name()))
    }

    fn door(&self, index: usize) -> Option<(Kind, &Process)> {
        let doors = self.processes.iter().filter(|(kind, _)| kind.listens());
        doors.flat_map(|(kind, all)| all.iter().map(move |process| (*kind, process))).nth(index)
    }
}

fn good(arguments: &[&str], ended: (Option<i32>, String, String)) -> Result<String> {
    match ended {
        (Some(0), said, _) => Ok(said),
        (code, _, words) => bail!("`keybell {}` ended with {code:?}: {words}", arguments.join(" ")),
    }
}
