//! A server's processes: started, asked to end, killed with everything that they started.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::clock::Stopwatch;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::place::Place;

/// How long a server may take to start: on a machine whose cores are all busy, too.
const START: Duration = Duration::from_mins(2);

/// How long the kernel may take to end what was killed.
const END: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    child: Child,
}

impl Server {
    /// Starts it; its output goes to the log of its name.
    pub(super) async fn start(name: &'static str, place: &Place, mut command: Command) -> Result<Self> {
        let log = place.log(name)?;
        let again = log.try_clone().context("no second handle of a log")?;
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        let child = spawn(command).await.with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child })
    }

    /// Waits until `answers`, which is asked again and again.
    pub(super) async fn ready(&mut self, place: &Place, mut answers: impl AsyncFnMut() -> bool) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            // Asked first: somebody else might answer in its place.
            if let Some(status) = self.ended() {
                bail!("{} ended while it was starting ({status}); {}", self.name, place.last_words(self.name));
            }
            if answers().await {
                return Ok(());
            }
            if watch.elapsed() > START {
                bail!("{} did not answer within {START:?}; {}", self.name, place.last_words(self.name));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its process and all that it started.
    #[cfg(test)]
    pub(super) fn family(&self) -> Vec<u32> {
        self.child.id().into_iter().flat_map(|pid| [vec![pid], below(pid)].concat()).collect()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end with this signal, and waits for so long. Whether it ended.
    pub(super) async fn ask(&mut self, name: &str, patience: Duration) -> bool {
        // Until it was waited for, its number is nobody else's.
        if let Some(pid) = self.child.id() {
            signal(name, &[pid]);
        }
        timeout(patience, self.child.wait()).await.is_ok()
    }

    /// The same while there is no time to do something else meanwhile.
    pub(super) fn ask_and_block(&mut self, name: &str, patience: Duration) {
        if let Some(pid) = self.child.id() {
            signal(name, &[pid]);
            wait_until(patience, || self.ended().is_some());
        }
    }

    /// Kills it and everything that it started.
    pub(super) async fn kill(mut self) {
        if let Some(pid) = self.child.id() {
            kill(pid);
            drop(timeout(END, self.child.wait()).await);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            kill(pid);
        }
    }
}

/// Runs a program to its end. Answers what it printed.
pub(super) async fn run(mut command: Command, what: &str, patience: Duration) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn(command).await.with_context(|| format!("{what} cannot be started"))?;
    let ended = timeout(patience, child.wait_with_output()).await;
    let ended = ended.with_context(|| format!("{what} did not end within {patience:?}"))?;
    let ended = ended.with_context(|| format!("{what} was lost"))?;
    if !ended.status.success() {
        bail!("{what} failed ({}): {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// Every process that this one started, and that those started.
fn below(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Whether there is such a process. One that ended and that nobody waited for does not count.
pub(super) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some()
}

struct Stat {
    parent: u32,
}

/// What the kernel says of a living process.
fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // The second field is the name and may hold spaces and brackets: cut after the last one.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(Stat { parent })
}

/// Kills a process and everything that it started, and waits until they are gone. PostgreSQL's sessions are groups of
/// their own, so that killing one group would not do.
fn kill(pid: u32) {
    // Stopped first, so that it starts nothing more while we look.
    signal("STOP", &[pid]);
    let mut all = below(pid);
    all.push(pid);
    signal("KILL", &all);
    wait_until(END, || !all.iter().any(|pid| is_alive(*pid)));
}

/// Sends a signal by its name. Processes that are gone already are no error.
fn signal(name: &str, pids: &[u32]) {
    // `kill` of the shell: the standard library can only send SIGKILL.
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "name=$0; for pid; do kill -s \"$name\" \"$pid\"; done", name]);
    shell.args(pids.iter().map(u32::to_string));
    drop(shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

fn wait_until(patience: Duration, done: impl FnMut() -> bool) {
    let (watch, mut done) = (Stopwatch::start(), done);
    while !done() && watch.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a process from a thread that lives as long as we do. The kernel sends the signal that a child asked for at its
/// parent's death when the thread ends that started it, and a runtime ends threads as it likes.
async fn spawn(command: Command) -> io::Result<Child> {
    type Job = (Command, Handle, oneshot::Sender<io::Result<Child>>);
    static STARTER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        // Without the thread, the channel is closed, and whoever wants to start something hears of it.
        drop(std::thread::Builder::new().name("starter".to_owned()).spawn(move || {
            for (mut command, runtime, answer) in jobs {
                let _entered = runtime.enter();
                drop(answer.send(command.spawn()));
            }
        }));
        sender
    });
    let (answer, started) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    STARTER.send((command, Handle::current(), answer)).map_err(|_| gone())?;
    started.await.map_err(|_| gone())?
}
