//! One process of the fleet, whose log is shown when the test fails.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::program::{Ended, Program, Running};

/// How many of the log's last lines are shown.
const LINES: usize = 60;

/// A running process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    running: Option<Running>,
}

impl Process {
    pub(super) fn start(name: String, program: Program) -> Self {
        Self { name, running: Some(program.start()) }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in this time.
    pub async fn wait(mut self, patience: Duration) -> Ended {
        match self.running.take() {
            Some(running) => running.wait(patience).await,
            None => panic!("{} was waited for before", self.name),
        }
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    /// Never: it is taken only once.
    pub async fn kill(mut self) -> Ended {
        match self.running.take() {
            Some(running) => running.kill().await,
            None => panic!("{} was waited for before", self.name),
        }
    }
}

impl Deref for Process {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.running.as_ref().unwrap_or_else(|| panic!("{} was waited for before", self.name))
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Running {
        self.running.as_mut().unwrap_or_else(|| panic!("{} was waited for before", self.name))
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the report of a failed test")]
    fn drop(&mut self) {
        if let Some(running) = self.running.as_ref().filter(|_| std::thread::panicking()) {
            let log = running.stderr();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
            eprintln!("--- keybell {} (process {}):\n{}\n", self.name, running.pid(), last.join("\n"));
        }
    }
}
