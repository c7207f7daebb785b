//! A roster in a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{MAX_ENTRIES, pick};

/// The files of a folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) files: BTreeMap<String, PathBuf>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        list(path, "", &mut paths)?;
        if !paths.iter().any(|(name, _)| name.to_ascii_lowercase().ends_with(".csv")) {
            let folders = fs::read_dir(path)?.take(MAX_ENTRIES).collect::<io::Result<Vec<_>>>()?;
            for folder in folders.iter().filter(|entry| entry.path().is_dir()) {
                let name = folder.file_name().to_string_lossy().into_owned();
                list(&folder.path(), &format!("{name}/"), &mut paths)?;
            }
        }
        pick(paths).map(|files| Self { files }).map_err(io::Error::other)
    }

    pub(super) fn read<T>(&self, name: &str, with: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
        let path = self.files.get(name).ok_or(ErrorKind::NotFound)?;
        let mut file = File::open(path)?;
        Ok(with(&mut file))
    }
}

fn list(folder: &Path, prefix: &str, paths: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Pipes and devices would never end.
        if entry.path().is_file() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            paths.push((name, entry.path()));
        }
        if paths.len() > MAX_ENTRIES {
            return Err(io::Error::other(format!("it holds more than {MAX_ENTRIES} files")));
        }
    }
    Ok(())
}
