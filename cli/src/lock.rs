//! The embedded folder belongs to one process at a time.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::outcome::Exit;

/// The file that is locked.
const NAME: &str = "keybell.lock";

/// Holds the folder until it is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if it is not there, readable by its owner alone, and takes its lock.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        if !folder.exists() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        }
        let path = folder.join(NAME);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("the lock file {} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(Exit::Unavailable.because(format!(
                    "{} is in use by {}; ask it with --server, stop it, or choose another folder with --folder",
                    folder.display(),
                    owner(&mut file)
                )));
            }
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the lock file {} cannot be locked", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("the lock file {} cannot be written", path.display()))?;
        Ok(Self { _file: file })
    }

    /// Who holds the folder, in words, if anybody does. Nothing is made, and nothing is held.
    pub(crate) fn holder(folder: &Path) -> Option<String> {
        let mut file = File::open(folder.join(NAME)).ok()?;
        matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)).then(|| owner(&mut file))
    }
}

/// The process that wrote its number into the file.
fn owner(file: &mut File) -> String {
    let mut number = String::new();
    file.read_to_string(&mut number).unwrap_or_default();
    let process = number.trim().parse::<u32>().map(|pid| format!(" (process {pid})")).unwrap_or_default();
    format!("another Keybell process{process}")
}
