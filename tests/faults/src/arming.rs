//! Arming windows of a running world: the next process that comes to one acts, once. `shared/src/fault.rs` is the other
//! side.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::Window;

/// How long it may take until a process comes to an armed window.
const PATIENCE: Duration = Duration::from_secs(40);

/// The folder that the processes of one world look into.
pub(crate) struct Arms(PathBuf);

impl Arms {
    /// Nothing is armed yet.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self(folder.canonicalize()?))
    }

    /// What the processes are told.
    pub(crate) fn variable(&self) -> (String, String) {
        ("FAULT_FOLDER".to_owned(), self.0.display().to_string())
    }

    /// Arms a window: `exit`, `panic`, `error` or `sleep:SECONDS`.
    pub(crate) fn arm(&self, window: Window, action: &str) -> Result<()> {
        drop(std::fs::remove_file(self.done(window)));
        // Whole, or not there.
        let (fresh, path) = (self.0.join("fresh"), self.0.join(window.name()));
        std::fs::write(&fresh, action).and_then(|()| std::fs::rename(&fresh, &path))?;
        Ok(())
    }

    /// Whether a process has come to the window since it was armed.
    pub(crate) fn acted(&self, window: Window) -> bool {
        self.done(window).exists()
    }

    /// Waits until a process has come to the window.
    pub(crate) async fn until_acted(&self, window: Window) -> Result<()> {
        let watch = Stopwatch::start();
        while !self.acted(window) {
            if watch.elapsed() > PATIENCE {
                bail!("no process came to the window {} within {PATIENCE:?}", window.name());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn done(&self, window: Window) -> PathBuf {
        self.0.join(format!("{}.done", window.name()))
    }
}
