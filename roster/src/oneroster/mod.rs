//! OneRoster 1.1, 1.2 and 1.2.1 (IMS Global, "OneRoster CSV tables"), and School Data Sync v2, which is made like it.
//!
//! The way of an import: [`manifest`] says what is there → [`orgs`] → [`classes`] → [`roles`] (1.2) → [`people`] →
//! [`guardians`] (a second pass, when everybody is there; by [`relations`], where these have a file of their own) →
//! [`enrolments`]. [`crate::run`] stores what they read.

mod classes;
mod enrolments;
mod guardians;
mod layouts;
mod manifest;
mod orgs;
mod people;
mod relations;
mod roles;
mod run;
mod school_data_sync;

pub(crate) use layouts::{Files, ONEROSTER};
pub(crate) use manifest::Manifest;
pub(crate) use orgs::district_name;
pub(crate) use school_data_sync::SCHOOL_DATA_SYNC;

use crate::error::RosterError;
use crate::report::Report;
use crate::run::{Import, Progress};
use crate::source::Source;
use crate::text::Layout;
use run::Run;

/// Imports a whole export.
pub(crate) async fn go<F: Fn(Progress) + Send + Sync>(
    import: Import<F>,
    manifest: Manifest,
    files: Files,
) -> Result<Report, RosterError> {
    Run::new(import, manifest, files).go().await
}

/// The files that are read, in the order of reading.
pub(crate) fn layouts(manifest: &Manifest, files: &Files, source: &Source) -> Vec<&'static Layout> {
    let apart = run::roles_apart(source, manifest, files);
    let mut layouts = vec![&layouts::ORGS, files.classes];
    if apart {
        layouts.extend([files.roles, files.users]);
    } else {
        layouts.push(files.users_with_role);
    }
    layouts.extend(files.relations);
    layouts.push(files.enrolments);
    layouts
}
