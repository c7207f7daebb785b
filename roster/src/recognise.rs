//! Knows what a roster is, by its file names and header words. What cannot be imported is refused by its name.

use std::fmt;

use serde::Serialize;

use crate::error::RosterError;
use crate::kinds::{CLEVER, Export, SCHOOL_DATA_SYNC_V1};
use crate::list::{GOOGLE, List, MOODLE, PLAIN};
use crate::oneroster::{Files, Manifest, ONEROSTER, SCHOOL_DATA_SYNC};
use crate::source::Source;
use crate::text::{Found, Layout, Lines, Record, decode, letters};

/// The most files whose headers are looked at.
const MAX_LOOKS: usize = 50;

/// What a roster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// OneRoster.
    OneRoster,
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
    /// Some list with a header, as text or as a workbook.
    PlainList,
    /// A workbook, of which it is not known yet what is in it.
    Workbook,
    /// A workbook of before 2007, or an encrypted one.
    OldWorkbook,
    /// One file of an export that has several.
    LoneFile,
    /// Several lists that do not belong together.
    SeveralLists,
    /// A zip without any CSV file.
    OtherArchive,
    /// A folder without any CSV file.
    EmptyFolder,
    /// Something else.
    Unknown,
}

impl Format {
    /// What to do instead, if it cannot be imported.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::OneRoster
            | Self::SchoolDataSyncV1
            | Self::SchoolDataSyncV2
            | Self::GoogleWorkspace
            | Self::Moodle
            | Self::Clever
            | Self::PlainList => "it can be imported",
            Self::Workbook | Self::OldWorkbook => "save it as .xlsx without a password, or as CSV",
            Self::LoneFile => "give the folder or the zip that it came in",
            Self::SeveralLists => "import them one by one",
            Self::OtherArchive | Self::EmptyFolder => "there is no CSV file in it, nor in one folder at its top",
            Self::Unknown => "it is neither a folder, a zip, a workbook nor a text with a header",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneRoster => "a OneRoster export",
            Self::SchoolDataSyncV1 => "a Microsoft School Data Sync v1 export",
            Self::SchoolDataSyncV2 => "a Microsoft School Data Sync v2 export",
            Self::GoogleWorkspace => "a Google Workspace user list",
            Self::Moodle => "a Moodle user list",
            Self::Clever => "a Clever export",
            Self::PlainList => "a list with a header",
            Self::Workbook => "an Excel workbook",
            Self::OldWorkbook => "an Excel workbook of an old kind, or an encrypted one",
            Self::LoneFile => "a single file of an export that has several",
            Self::SeveralLists => "several lists",
            Self::OtherArchive => "a zip of something else",
            Self::EmptyFolder => "a folder of something else",
            Self::Unknown => "a file of an unknown kind",
        })
    }
}

/// A roster that can be imported, and how.
#[derive(Debug)]
pub(crate) enum Roster {
    /// OneRoster, or made like it.
    Export(Manifest, Files, Format),
    /// One file for each kind of people.
    Kinds(&'static Export, Format),
    /// One file of accounts.
    List(&'static List, Format),
}

impl Roster {
    /// Finds out what a roster is. `mapped` says that somebody told what its columns mean, so it is a list with a header.
    pub(crate) fn of(source: &Source, mapped: bool) -> Result<Self, RosterError> {
        if source.has("manifest.csv") {
            return Ok(Self::Export(Manifest::read(source)?, ONEROSTER, Format::OneRoster));
        }
        let names = source.names();
        if names.is_empty() {
            return Err(RosterError::Unsupported { format: Format::EmptyFolder });
        }
        if let [only] = names.as_slice() {
            return Self::list(source, only, mapped);
        }
        let mut lists = 0;
        for name in names.iter().take(MAX_LOOKS) {
            match by_words(&words_of(source, name)) {
                Some(Known::OneRoster) => return Err(RosterError::NoManifest),
                Some(Known::Clever) => return Ok(Self::Kinds(&CLEVER, Format::Clever)),
                Some(Known::SchoolDataSyncV1) => {
                    return Ok(Self::Kinds(&SCHOOL_DATA_SYNC_V1, Format::SchoolDataSyncV1));
                }
                Some(Known::SchoolDataSyncV2) => {
                    let manifest = Manifest::of_school_data_sync(source);
                    return Ok(Self::Export(manifest, SCHOOL_DATA_SYNC, Format::SchoolDataSyncV2));
                }
                Some(Known::List(_)) | None => lists += 1,
            }
        }
        debug_assert!(lists > 0, "files were looked at");
        Err(RosterError::Unsupported { format: Format::SeveralLists })
    }

    fn list(source: &Source, name: &str, mapped: bool) -> Result<Self, RosterError> {
        let words = words_of(source, name);
        if mapped {
            return Ok(Self::List(&PLAIN, Format::PlainList));
        }
        match by_words(&words) {
            Some(Known::List(Format::GoogleWorkspace)) => Ok(Self::List(&GOOGLE, Format::GoogleWorkspace)),
            Some(Known::List(Format::Moodle)) => Ok(Self::List(&MOODLE, Format::Moodle)),
            Some(Known::OneRoster | Known::Clever | Known::SchoolDataSyncV1 | Known::SchoolDataSyncV2) => {
                Err(RosterError::Unsupported { format: Format::LoneFile })
            }
            Some(Known::List(_)) | None if words.len() > 1 => Ok(Self::List(&PLAIN, Format::PlainList)),
            Some(Known::List(_)) | None => Err(RosterError::Unsupported { format: Format::Unknown }),
        }
    }

    /// What it is.
    pub(crate) const fn format(&self) -> Format {
        match self {
            Self::Export(_, _, format) | Self::Kinds(_, format) | Self::List(_, format) => *format,
        }
    }

    /// The version that it tells of itself.
    pub(crate) fn version(&self) -> &str {
        match self {
            Self::Export(manifest, _, _) => &manifest.version,
            Self::Kinds(..) | Self::List(..) => "",
        }
    }

    /// Whether it has changes only, so that what it refers to may be in the district.
    pub(crate) fn is_partial(&self) -> bool {
        match self {
            Self::Export(manifest, ..) => manifest.is_partial(),
            Self::Kinds(..) | Self::List(..) => false,
        }
    }

    /// The files that are read, in the order of reading.
    pub(crate) fn layouts(&self, source: &Source) -> Vec<&'static Layout> {
        match self {
            Self::Export(manifest, files, _) => crate::oneroster::layouts(manifest, files, source),
            Self::Kinds(export, _) => export.layouts(source),
            Self::List(list, _) => vec![list.layout],
        }
    }
}

/// Whether the header of a file has a column.
pub(crate) fn has_column(source: &Source, file: &str, column: &str) -> bool {
    words_of(source, file).iter().any(|word| word.eq_ignore_ascii_case(column))
}

/// What a zip is, by the names in it, if it is no roster of text files.
pub(crate) fn packed<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Format> {
    names.into_iter().any(|name| name == "[Content_Types].xml").then_some(Format::Workbook)
}

/// What a single file is that can be neither text nor a zip, by its first bytes.
pub(crate) fn binary(magic: &[u8]) -> Option<Format> {
    if magic.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Some(Format::OldWorkbook);
    }
    magic.starts_with(b"%PDF").then_some(Format::Unknown)
}

/// What a header belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    OneRoster,
    Clever,
    SchoolDataSyncV1,
    SchoolDataSyncV2,
    List(Format),
}

/// What a file is, by the words of its header.
fn by_words(words: &[String]) -> Option<Known> {
    let has = |word: &str| words.iter().any(|known| known == word);
    let has_all = |wanted: &[&str]| wanted.iter().all(|word| has(word));
    let one_roster = ["username", "name", "title", "classsourcedid"].iter().any(|word| has(word)) && has("sourcedid")
        || has_all(&["classsourcedid", "usersourcedid"])
        || has_all(&["usersourcedid", "orgsourcedid"])
        || has_all(&["usersourcedid", "relationshipusersourcedid"]);
    let clever = ["student_id", "teacher_id", "staff_id", "section_id", "school_name"];
    if has("section sis id") || has_all(&["sis id", "school sis id"]) || has_all(&["sis id", "name"]) {
        Some(Known::SchoolDataSyncV1)
    } else if has("first name [required]") || has("email address [required]") {
        Some(Known::List(Format::GoogleWorkspace))
    } else if has_all(&["propertyname", "value"]) || (one_roster && (has("status") || has("enableduser"))) {
        Some(Known::OneRoster)
    } else if one_roster {
        // The words of OneRoster without its `status`, which every OneRoster file has.
        Some(Known::SchoolDataSyncV2)
    } else if has("school_id") && clever.iter().any(|word| has(word)) {
        Some(Known::Clever)
    } else if has_all(&["username", "firstname", "lastname"]) && words.iter().all(|word| MOODLE.layout.knows(word)) {
        // A list by hand may use the same three words; what else it says would be lost.
        Some(Known::List(Format::Moodle))
    } else {
        None
    }
}

/// The words of a file's header; none if it cannot be read.
fn words_of(source: &Source, name: &str) -> Vec<String> {
    source.lines(name, words).unwrap_or_default()
}

/// The words of a header, trimmed and in lower case; none if there is no line that can be one.
fn words(mut lines: Box<dyn Lines + '_>) -> Vec<String> {
    let mut record = Record::default();
    loop {
        match lines.read(&[], &mut record) {
            Ok(Found::Record) if record.is_blank_from(0) => {}
            Ok(Found::Record) if !record.nul => break,
            Ok(_) | Err(_) => return Vec::new(),
        }
    }
    let mut text = String::new();
    let words = (0..record.len()).map(|at| {
        let decoded = decode(record.field(at).unwrap_or_default(), &mut text);
        decoded.map(|_| text.trim().to_lowercase()).unwrap_or_default()
    });
    let mut words: Vec<String> = words.collect();
    while words.last().is_some_and(|word| letters(word).next().is_none()) {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Records;

    #[test]
    fn files_are_known_by_their_header() {
        let list = |format| Some(Known::List(format));
        for (text, known) in [
            ("First Name [Required],Last Name [Required],Email Address [Required]\n", list(Format::GoogleWorkspace)),
            ("\n\nusername,password,firstname,lastname,email,cohort1,course1\n", list(Format::Moodle)),
            ("username,firstname,lastname,role,school\n", None),
            ("SIS ID,School SIS ID,First Name\n", Some(Known::SchoolDataSyncV1)),
            ("sourcedId,orgSourcedIds,givenName,familyName,username,role\n", Some(Known::SchoolDataSyncV2)),
            ("School_id,Student_id,Last_name\n", Some(Known::Clever)),
            ("sourcedId,status,enabledUser,username\n", Some(Known::OneRoster)),
            ("name,class\nAnn,4b\n", None),
            ("", None),
        ] {
            let words = words(Box::new(Records::new(text.as_bytes()).unwrap()));
            assert_eq!(by_words(&words), known, "{text}");
        }
        assert_eq!(binary(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1]), Some(Format::OldWorkbook));
    }
}
