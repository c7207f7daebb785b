//! Where the files of a roster are: a folder or a zip, at its root or within one folder at its top; or one file, which is
//! text or a workbook.

mod archive;
mod book;
mod folder;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use archive::Archive;
pub(crate) use archive::Unusable;
use book::Book;
pub(crate) use book::{Bounds, choose, open_in};
use folder::Folder;

use crate::error::RosterError;
use crate::recognise::{self, Format};
use crate::text::{Lines, Mark, Records, decoded};

/// The most files that are looked at.
const MAX_ENTRIES: usize = 1000;

/// The name by which a layout asks for the only file of a roster, whatever it is called.
pub(crate) const ONLY: &str = "*";

/// An opened roster.
#[derive(Debug)]
pub(crate) enum Source {
    Folder(Folder),
    Archive(Archive),
    Text(PathBuf),
    Book(Book),
}

impl Source {
    /// Opens a folder, a zip, a workbook or a file of text. `sheet` names the worksheet of a workbook.
    pub(crate) fn open(path: &Path, sheet: Option<&str>) -> Result<Self, RosterError> {
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
            return match Archive::open(path) {
                Err(RosterError::Unsupported { format: Format::Workbook }) => Book::open(path, sheet).map(Self::Book),
                opened => opened.map(Self::Archive),
            };
        }
        if let Some(format) = recognise::binary(&magic) {
            return Err(RosterError::Unsupported { format });
        }
        Ok(Self::Text(path.to_owned()))
    }

    /// The names of the files, in lower case; of a single file, the name that it has.
    pub(crate) fn names(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::Folder(folder) => folder.files.keys().map(|name| Cow::Borrowed(name.as_str())).collect(),
            Self::Archive(archive) => archive.files.keys().map(|name| Cow::Borrowed(name.as_str())).collect(),
            Self::Text(path) => vec![Cow::Owned(name_of(path))],
            Self::Book(book) => vec![Cow::Owned(name_of(&book.path))],
        }
    }

    /// Worksheets that are there and not read.
    pub(crate) fn other_sheets(&self) -> &[String] {
        match self {
            Self::Book(book) => &book.others,
            Self::Folder(_) | Self::Archive(_) | Self::Text(_) => &[],
        }
    }

    /// The worksheet that is read, of a workbook.
    pub(crate) fn sheet(&self) -> Option<&str> {
        match self {
            Self::Book(book) => Some(&book.sheet),
            Self::Folder(_) | Self::Archive(_) | Self::Text(_) => None,
        }
    }

    /// How reports call a file: as its standard does, and the only file by the name that it has.
    pub(crate) fn shown(&self, name: &'static str) -> Cow<'static, str> {
        if name != ONLY {
            return Cow::Borrowed(name);
        }
        let names = self.names();
        names.first().map_or(Cow::Borrowed("the file"), |name| Cow::Owned(safe(name)))
    }

    /// Whether a file is there; names are compared without regard to case.
    pub(crate) fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names().iter().any(|known| known.eq_ignore_ascii_case(&name)) || (name == ONLY && self.names().len() == 1)
    }

    /// Reads a file as records. The error is about opening it.
    pub(crate) fn lines<T>(&self, name: &str, with: impl FnOnce(Box<dyn Lines + '_>) -> T) -> io::Result<T> {
        if let Self::Book(book) = self {
            return book.lines(with);
        }
        self.bytes(name, |input| Ok(with(Box::new(Records::new(decoded(input)?)?))))?
    }

    /// The byte-order mark that a file begins with; none in a workbook.
    pub(crate) fn mark(&self, name: &str) -> io::Result<Option<Mark>> {
        if matches!(self, Self::Book(_)) {
            return Ok(None);
        }
        self.bytes(name, |input| {
            let mut head = Vec::with_capacity(3);
            input.take(3).read_to_end(&mut head)?;
            Ok(Mark::of(&head))
        })?
    }

    fn bytes<T>(&self, name: &str, with: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
        let mut name = name.to_ascii_lowercase();
        if name == ONLY
            && let [only] = self.names().as_slice()
        {
            name = only.to_ascii_lowercase();
        }
        match self {
            Self::Folder(folder) => folder.read(&name, with),
            Self::Archive(archive) => archive.read(&name, with),
            Self::Text(path) => Ok(with(&mut File::open(path)?)),
            Self::Book(_) => Err(ErrorKind::Unsupported.into()),
        }
    }
}

/// The name of a file, as it may be shown.
fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A name without anything that a terminal could take for an order.
pub(crate) fn safe(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !keybell_shared::unseen::is_unseen(*c)).take(80).collect()
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
