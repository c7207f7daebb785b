//! OneRoster 1.1, 1.2 and 1.2.1 in bulk mode (IMS Global, "OneRoster CSV tables").
//!
//! The way of an import: [`manifest`] says what is there → [`orgs`] → [`classes`] → [`roles`] (1.2) → [`people`] →
//! [`guardians`] (a second pass, when everybody is there) → [`enrolments`]. A blocking thread reads and judges a file and
//! hands over batches ([`stream`]); [`run`] stores them and counts what became of each row.

mod classes;
mod enrolments;
mod fields;
mod guardians;
mod layouts;
mod manifest;
mod orgs;
mod people;
mod roles;
mod run;
mod storable;
mod stream;

use std::path::Path;
use std::sync::Arc;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::RosterLedger;

use crate::error::RosterError;
use crate::report::Report;
use crate::source::Source;
use manifest::Manifest;
use run::Run;

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file that is being read.
    pub file: &'static str,
    /// How many of its rows have been judged.
    pub rows: u64,
}

/// What a roster says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The OneRoster version, as the manifest writes it.
    pub version: String,
    /// The district's name, if `orgs.csv` has a district.
    pub district_name: Option<String>,
}

/// Imports a roster: a folder or a zip.
///
/// Sound rows go in, the rest is in the report; `progress` is called after every batch. Importing the same roster again
/// changes nothing. Nobody is deleted: who is marked `tobedeleted` or not enabled becomes inactive.
pub async fn import(
    path: &Path,
    district: DistrictId,
    ledger: Arc<dyn RosterLedger>,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, RosterError> {
    let path = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || open(&path));
    let (source, manifest) = opening.await.map_err(|_| RosterError::Stopped)??;
    tracing::info!(%district, version = manifest.version, "roster import begins");
    let report = Run::new(source, manifest, district, ledger, progress).go().await?;
    let total = report.total;
    tracing::info!(%district, read = total.read, rejected = total.rejected, "roster import ends");
    Ok(report)
}

/// Looks at a roster's version and district without importing anything. Blocks on the disk.
pub fn peek(path: &Path) -> Result<Peek, RosterError> {
    let (source, manifest) = open(path)?;
    Ok(Peek { version: manifest.version, district_name: orgs::district_name(&source) })
}

fn open(path: &Path) -> Result<(Source, Manifest), RosterError> {
    let source = Source::open(path)?;
    let manifest = Manifest::read(&source)?;
    if source.has("users.csv") { Ok((source, manifest)) } else { Err(RosterError::NoUsers) }
}
