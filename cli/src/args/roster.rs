//! `keybell roster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keybell_roster::{Options, parse_map, parse_role, parse_role_of};
use keybell_shared::eligibility::Ranks;

#[derive(Debug, Subcommand)]
pub(crate) enum Roster {
    /// Import a roster: OneRoster, Clever, School Data Sync, Google Workspace, Moodle, any list as CSV or XLSX.
    Import(Import),
    /// Show what a roster is, what its columns mean, and what an import would do with its rows. Nothing is stored.
    Inspect(Inspect),
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The folder, zip, CSV file or workbook.
    pub(crate) path: PathBuf,
    /// The district's short name; without it, the only district, or one named after the roster's.
    #[arg(long)]
    pub(crate) district: Option<String>,
    /// Only show what `keybell roster inspect` shows.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) said: Said,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The folder, zip, CSV file or workbook.
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) said: Said,
}

/// What a list of accounts may leave open.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// The role of everybody of whom the list and --role-of say nothing. Without it, such rows are left out.
    #[arg(long, value_parser = parse_role)]
    role: Option<String>,
    /// The role of a group, a cohort or an organisational unit with all units below it. May be given several times.
    #[arg(long, value_name = "GROUP=ROLE", value_parser = parse_role_of)]
    role_of: Vec<(String, String)>,
    /// Let people become less privileged by these roles than the district knows them to be. Without it, their rows are left out.
    #[arg(long)]
    allow_lower: bool,
    /// What a column of a list means. May be given several times.
    #[arg(long, value_name = "HEADER=FIELD", value_parser = parse_map)]
    map: Vec<(String, String)>,
    /// The worksheet of a workbook; without it, the first one.
    #[arg(long)]
    sheet: Option<String>,
    /// The name of the school of people without one; without it, the district's name.
    #[arg(long, value_name = "NAME")]
    school: Option<String>,
    /// Which level of the organisational unit is the school, from 1; without it, units are groups only.
    #[arg(long, value_name = "N")]
    school_level: Option<usize>,
}

impl Said {
    /// As the import takes it. `district` names the school of people without one; `ranks` come from the configuration.
    pub(crate) fn options(&self, district: Option<&str>, ranks: Ranks) -> Options {
        Options {
            role: self.role.clone(),
            roles: self.role_of.clone(),
            allow_lower: self.allow_lower,
            mapping: self.map.clone(),
            sheet: self.sheet.clone(),
            school: self.school.clone().or_else(|| district.map(ToOwned::to_owned)),
            school_level: self.school_level,
            ranks,
        }
    }
}
