//! Where the files of a roster are: a folder or a zip, at its root or within one folder at its top.

mod archive;
mod folder;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use archive::Archive;
use folder::Folder;

use crate::error::RosterError;
use crate::recognise;

/// The most files that are looked at.
const MAX_ENTRIES: usize = 1000;

/// An opened roster: its files by lower-case name.
#[derive(Debug)]
pub(crate) enum Source {
    Folder(Folder),
    Archive(Archive),
}

impl Source {
    /// Opens a folder or a zip. A single file of another kind is refused by its name.
    pub(crate) fn open(path: &Path) -> Result<Self, RosterError> {
        let unreadable =
            |error: io::Error| RosterError::Unreadable { path: path.to_owned(), reason: error.to_string() };
        let about = fs::metadata(path).map_err(unreadable)?;
        if about.is_dir() {
            return Folder::open(path).map(Self::Folder).map_err(unreadable);
        }
        if !about.is_file() {
            return Err(unreadable(io::Error::other("it is neither a folder nor a file")));
        }
        let mut magic = Vec::with_capacity(8);
        File::open(path).and_then(|file| file.take(8).read_to_end(&mut magic)).map_err(unreadable)?;
        if magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06") {
            return Archive::open(path).map(Self::Archive);
        }
        let file = File::open(path).map_err(unreadable)?;
        Err(RosterError::Unsupported { format: recognise::single(&magic, file) })
    }

    /// The names of the files, in lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let (folder, archive) = match self {
            Self::Folder(folder) => (Some(folder.files.keys()), None),
            Self::Archive(archive) => (None, Some(archive.files.keys())),
        };
        folder.into_iter().flatten().chain(archive.into_iter().flatten()).map(String::as_str)
    }

    /// Whether a file is there; names are compared without regard to case.
    pub(crate) fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        match self {
            Self::Folder(folder) => folder.files.contains_key(&name),
            Self::Archive(archive) => archive.files.contains_key(&name),
        }
    }

    /// Reads a file as a stream. The error is about opening it.
    pub(crate) fn read<T>(&self, name: &str, with: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
        let name = name.to_ascii_lowercase();
        match self {
            Self::Folder(folder) => folder.read(&name, with),
            Self::Archive(archive) => archive.read(&name, with),
        }
    }
}

/// From paths within a folder or zip, the CSV files that make up the roster: those at the root; if there are none, those
/// of the one top folder that has any. Answers them by lower-case name, or why it cannot tell.
fn pick<T>(paths: impl IntoIterator<Item = (String, T)>) -> Result<BTreeMap<String, T>, String> {
    let mut folders: BTreeMap<String, Vec<(String, T)>> = BTreeMap::new();
    for (path, file) in paths {
        let (folder, name) = path.split_once('/').unwrap_or(("", &path));
        let csv = name.len() > 4 && name.get(name.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".csv"));
        let hidden = name.starts_with('.') || folder.starts_with('.') || folder == "__MACOSX";
        if csv && !hidden && !name.contains(['/', '\\']) && !folder.contains('\\') {
            folders.entry(folder.to_owned()).or_default().push((name.to_ascii_lowercase(), file));
        }
    }
    if !folders.contains_key("") && folders.len() > 1 {
        return Err("several folders hold CSV files; keep one roster".to_owned());
    }
    let mut picked = BTreeMap::new();
    for (name, file) in folders.into_values().next().unwrap_or_default() {
        if picked.contains_key(&name) {
            return Err("the same file name is there twice, in other letter case".to_owned());
        }
        picked.insert(name, file);
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Result<Vec<String>, String> {
        pick(paths.iter().map(|path| ((*path).to_owned(), ()))).map(|files| files.into_keys().collect())
    }

    #[test]
    fn the_root_wins_over_one_top_folder() {
        assert_eq!(names(&["Users.CSV", "x/orgs.csv", "readme.txt"]).unwrap(), ["users.csv"]);
        assert_eq!(names(&["roster/users.csv", "__MACOSX/._users.csv", "roster/a/b.csv"]).unwrap(), ["users.csv"]);
        assert_eq!(names(&["../users.csv/../../x.csv", "..\\orgs.csv", "/etc/passwd"]).unwrap(), [""; 0]);
        assert!(names(&["a/users.csv", "b/users.csv"]).is_err());
        assert!(names(&["users.csv", "USERS.csv"]).is_err());
    }
}
