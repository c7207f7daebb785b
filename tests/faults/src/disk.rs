//! A small disk of its own, which can be filled: a file system in memory. Only root can make one.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A mounted disk; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts an empty disk of so many megabytes at this folder, which must exist.
    pub(crate) fn mount(folder: &Path, megabytes: u32) -> Result<Self> {
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=700"), "faults"])
            .arg(folder)
            .output()
            .context("mount cannot be started")?;
        ensure!(made.status.success(), "mount: {}", String::from_utf8_lossy(&made.stderr).trim());
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes until nothing more fits.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast()).context("the ballast cannot be written")?;
        let block = vec![0_u8; 64 * 1024];
        while ballast.write_all(&block).is_ok() {}
        // The last block may have fitted in part; single bytes fill what is left.
        while ballast.write_all(b"0").is_ok() {}
        Ok(())
    }

    /// Gives the space back.
    pub(crate) fn free(&self) -> Result<()> {
        std::fs::remove_file(self.ballast()).context("the ballast cannot be removed")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: somebody may still have a file open; it goes with its last user.
        let _gone = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
