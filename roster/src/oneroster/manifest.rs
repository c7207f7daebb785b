//! `manifest.csv`: the version, and for each file whether it is there and in which mode.

use std::collections::BTreeMap;
use std::io;

use super::layouts::MANIFEST;
use crate::error::RosterError;
use crate::source::Source;
use crate::text::{Lines, Next, Table};

/// The most properties that are read; the standard has about thirty.
const MAX_PROPERTIES: usize = 1000;

/// How a file is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everything.
    Bulk,
    /// Changes since the last export.
    Delta,
    /// Not at all.
    Absent,
    /// Some other word.
    Odd,
    /// The manifest does not say.
    Unsaid,
}

/// What the manifest says.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The version, as written.
    pub(crate) version: String,
    /// Whether roles are in a file of their own, which came with 1.2.
    pub(crate) has_roles: bool,
    /// Whether exports of changes may follow.
    pub(super) has_changes: bool,
    modes: BTreeMap<String, Mode>,
}

impl Manifest {
    /// What a School Data Sync export would say if it had one: everything that is there is complete.
    pub(crate) fn of_school_data_sync(source: &Source) -> Self {
        let has_roles = source.has("roles.csv");
        Self { version: String::new(), has_roles, has_changes: false, modes: BTreeMap::new() }
    }

    /// Reads it.
    pub(crate) fn read(source: &Source) -> Result<Self, RosterError> {
        let said = source.lines(MANIFEST.file, properties);
        let said = said.and_then(|said| said).map_err(|error| RosterError::Manifest(error.to_string()))?;
        let properties = said.map_err(RosterError::Manifest)?;
        let version = properties.get("oneroster.version").cloned().unwrap_or_default();
        let has_roles = match version.as_str() {
            "" => return Err(RosterError::Manifest("it does not say oneroster.version".to_owned())),
            "1.1" | "1.1.0" => false,
            "1.2" | "1.2.0" | "1.2.1" => true,
            other => return Err(RosterError::Version(other.chars().take(20).collect())),
        };
        let modes = properties.iter().filter_map(|(name, value)| {
            let file = name.strip_prefix("file.")?;
            let mode = match value.to_ascii_lowercase().as_str() {
                "bulk" => Mode::Bulk,
                "delta" => Mode::Delta,
                "absent" => Mode::Absent,
                "" => Mode::Unsaid,
                _ => Mode::Odd,
            };
            Some((format!("{file}.csv"), mode))
        });
        let modes = modes.collect();
        Ok(Self { version, has_roles, has_changes: true, modes })
    }

    /// Whether it says that an export has no people, which exports of changes may do.
    pub(crate) fn leaves_users_out(&self) -> bool {
        self.mode("users.csv") == Mode::Absent
    }

    /// Whether what the files refer to may stand nowhere in them.
    pub(crate) fn is_partial(&self) -> bool {
        let files = ["orgs.csv", "classes.csv", "users.csv", "roles.csv", "enrollments.csv"];
        let files = files.into_iter().filter(|file| self.has_roles || *file != "roles.csv");
        files.map(|file| self.mode(file)).any(|mode| matches!(mode, Mode::Delta | Mode::Absent))
    }

    /// What it says about a file.
    pub(super) fn mode(&self, file: &str) -> Mode {
        self.modes.get(&file.to_ascii_lowercase()).copied().unwrap_or(Mode::Unsaid)
    }
}

/// The properties by lower-case name; the inner error says what is wrong with them.
fn properties(lines: Box<dyn Lines + '_>) -> io::Result<Result<BTreeMap<String, String>, String>> {
    let mut table = match Table::open(lines, MANIFEST.file.into(), &MANIFEST, &[])? {
        Ok(table) => table,
        Err(problems) => {
            return Ok(Err(problems.first().map_or_else(String::new, |problem| problem.reason.to_string())));
        }
    };
    let mut properties = BTreeMap::new();
    while table.rows() < MAX_PROPERTIES {
        let row = match table.next()? {
            Next::Row(row) => row,
            Next::Bad(problem) => return Ok(Err(format!("line {}: {}", problem.line, problem.reason))),
            Next::End => return Ok(Ok(properties)),
        };
        let (name, value) = (row.get("propertyName").to_ascii_lowercase(), row.get("value").to_owned());
        if properties.get(&name).is_some_and(|known| *known != value) {
            return Ok(Err(format!("line {}: the same property is there with two values", row.line)));
        }
        properties.insert(name, value);
    }
    Ok(Err(format!("it has more than {MAX_PROPERTIES} properties")))
}
