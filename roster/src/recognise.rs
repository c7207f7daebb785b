//! Knows the exports of other systems by their file names and header words, so that they can be refused by name.

use std::fmt;
use std::io::Read;

use serde::Serialize;

use crate::source::Source;
use crate::text::{Found, Record, Records, decode, decoded};

/// The most files whose headers are looked at.
const MAX_LOOKS: usize = 50;

/// An export that is known and not supported yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Microsoft School Data Sync, v1 and v1.25.
    SchoolDataSyncV1,
    /// Microsoft School Data Sync, v2 and v2.1.
    SchoolDataSyncV2,
    /// The bulk user list of Google Workspace.
    GoogleWorkspace,
    /// The user list of Moodle.
    Moodle,
    /// The files of a Clever export.
    Clever,
    /// An Excel workbook.
    Workbook,
    /// A workbook of before 2007, or an encrypted one.
    OldWorkbook,
    /// One file of a OneRoster export.
    LoneOneRosterFile,
    /// Some CSV file.
    PlainCsv,
    /// A zip without any CSV file.
    OtherArchive,
    /// A folder without any CSV file.
    EmptyFolder,
    /// Something else.
    Unknown,
}

impl Format {
    /// What to do instead.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::SchoolDataSyncV1 | Self::SchoolDataSyncV2 | Self::Clever => {
                "most student information systems can export OneRoster as well: ask for OneRoster CSV, bulk"
            }
            Self::GoogleWorkspace | Self::Moodle | Self::PlainCsv => {
                "lists of accounts are not read yet, so export the roster from the student information system"
            }
            Self::Workbook | Self::OldWorkbook => "export the roster as OneRoster CSV instead of a workbook",
            Self::LoneOneRosterFile => "give the folder or the zip that it came in",
            Self::OtherArchive | Self::EmptyFolder => "there is no CSV file in it, nor in one folder at its top",
            Self::Unknown => "it is neither a folder nor a zip",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SchoolDataSyncV1 => "a Microsoft School Data Sync v1.25 export",
            Self::SchoolDataSyncV2 => "a Microsoft School Data Sync v2 export",
            Self::GoogleWorkspace => "a Google Workspace bulk user list",
            Self::Moodle => "a Moodle user list",
            Self::Clever => "a Clever export",
            Self::Workbook => "an Excel workbook",
            Self::OldWorkbook => "an Excel workbook of an old kind, or an encrypted one",
            Self::LoneOneRosterFile => "a single file of a OneRoster export",
            Self::PlainCsv => "a plain CSV file and no OneRoster export",
            Self::OtherArchive => "a zip of something else",
            Self::EmptyFolder => "a folder of something else",
            Self::Unknown => "a file of an unknown kind",
        })
    }
}

/// What a folder or zip without a manifest is; `None` if it looks like OneRoster.
pub(crate) fn unmanifested(source: &Source) -> Option<Format> {
    if source.names().next().is_none() {
        return Some(Format::EmptyFolder);
    }
    let clever = ["schools.csv", "students.csv", "sections.csv"];
    let mut found = None;
    for name in source.names().take(MAX_LOOKS) {
        let words = source.read(name, |input| words(input)).unwrap_or_default();
        match by_words(&words) {
            Some(Format::LoneOneRosterFile) => return None,
            Some(format) => found = found.or(Some(format)),
            None => {}
        }
    }
    if found.is_none() && clever.iter().all(|name| source.has(name)) {
        return Some(Format::Clever);
    }
    Some(found.unwrap_or(Format::PlainCsv))
}

/// What a zip is, by the names in it, if it is no roster.
pub(crate) fn packed<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Format> {
    names.into_iter().any(|name| name == "[Content_Types].xml").then_some(Format::Workbook)
}

/// What a single file that is no zip is, by its first bytes and its header.
pub(crate) fn single(magic: &[u8], file: impl Read) -> Format {
    if magic.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Format::OldWorkbook;
    }
    let words = words(file);
    by_words(&words).unwrap_or(if words.len() > 1 { Format::PlainCsv } else { Format::Unknown })
}

/// What a file is, by the words of its header.
fn by_words(words: &[String]) -> Option<Format> {
    let has = |word: &str| words.iter().any(|known| known == word);
    let has_all = |wanted: &[&str]| wanted.iter().all(|word| has(word));
    if has("sis id") || has("section sis id") {
        Some(Format::SchoolDataSyncV1)
    } else if has("first name [required]") || has("email address [required]") {
        Some(Format::GoogleWorkspace)
    } else if has_all(&["sourcedid", "enableduser", "username"]) || has_all(&["propertyname", "value"]) {
        Some(Format::LoneOneRosterFile)
    } else if !has("status") && (has_all(&["sourcedid", "username"]) || has_all(&["sourcedid", "orgsourcedid"])) {
        // The words of OneRoster without its `status`, which every OneRoster file has.
        Some(Format::SchoolDataSyncV2)
    } else if has_all(&["username", "firstname", "lastname"]) {
        Some(Format::Moodle)
    } else if has("student_id") && has("school_id") {
        Some(Format::Clever)
    } else {
        None
    }
}

/// The words of a header, trimmed and in lower case; none if there is no line that can be one.
fn words(input: impl Read) -> Vec<String> {
    let Ok(input) = decoded(input) else { return Vec::new() };
    let Ok(mut records) = Records::new(input) else { return Vec::new() };
    let mut record = Record::default();
    if !matches!(records.read(&[], &mut record), Ok(Found::Record)) || record.nul {
        return Vec::new();
    }
    let mut text = String::new();
    let words = (0..record.len()).map(|at| {
        let decoded = decode(record.field(at).unwrap_or_default(), &mut text);
        decoded.map(|_| text.trim().to_lowercase()).unwrap_or_default()
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_files_are_known_by_their_header() {
        for (text, format) in [
            ("First Name [Required],Last Name [Required],Email Address [Required]\n", Format::GoogleWorkspace),
            ("username,password,firstname,lastname,email\n", Format::Moodle),
            ("SIS ID,School SIS ID,First Name\n", Format::SchoolDataSyncV1),
            ("sourcedId,orgSourcedIds,givenName,familyName,username,password,role,grade\n", Format::SchoolDataSyncV2),
            ("\u{FEFF}sourcedId,status,enabledUser,username\n", Format::LoneOneRosterFile),
            ("name,class\nAnn,4b\n", Format::PlainCsv),
            ("just a note", Format::Unknown),
            ("%PDF-1.7 \0\0", Format::Unknown),
            ("", Format::Unknown),
        ] {
            assert_eq!(single(text.as_bytes(), text.as_bytes()), format, "{text}");
        }
        let old = [0xD0, 0xCF, 0x11, 0xE0, 0xA1];
        assert_eq!(single(&old, &old[..]), Format::OldWorkbook);
    }
}
