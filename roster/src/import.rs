//! Importing a roster, and looking at one.

use std::path::Path;
use std::sync::Arc;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::RosterLedger;

use crate::error::RosterError;
use crate::options::Options;
use crate::recognise::{Format, Roster};
use crate::report::Report;
use crate::run::{Ground, Import, Progress};
use crate::source::Source;
use crate::{kinds, list, oneroster};

/// What a roster says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// What it is.
    pub format: Format,
    /// The OneRoster version, as the manifest writes it; empty for other formats.
    pub version: String,
    /// The district's name, if the roster tells it.
    pub district_name: Option<String>,
}

/// Imports a roster: a folder, a zip, a workbook or a file of text.
///
/// Sound rows go in, the rest is in the report; `progress` is called after every batch. Importing the same roster again
/// changes nothing. Nobody is deleted: who is marked to be deleted or not enabled becomes inactive.
pub async fn import(
    path: &Path,
    options: Options,
    district: DistrictId,
    ledger: Arc<dyn RosterLedger>,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, RosterError> {
    let (path, asked) = (path.to_owned(), options.clone());
    let opening = tokio::task::spawn_blocking(move || open(&path, &asked));
    let (source, roster) = opening.await.map_err(|_| RosterError::Stopped)??;
    tracing::info!(%district, format = %roster.format(), version = roster.version(), "roster import begins");
    let mut report = Report::new(roster.format(), roster.version().to_owned());
    report.not_needed = source.other_sheets().to_vec();
    let (mapping, ranks) = (options.mapping.clone().into(), options.ranks.clone().into());
    let allow_lower = options.allow_lower;
    let import = Import::new(source, Ground { district, ledger, progress, mapping, ranks, allow_lower }, report);
    let report = match roster {
        Roster::Export(manifest, files, _) => oneroster::go(import, manifest, files).await?,
        Roster::Kinds(export, _) => kinds::go(import, export).await?,
        Roster::List(list, _) => list::go(import, list, options).await?,
    };
    let total = report.total;
    tracing::info!(%district, read = total.read, rejected = total.rejected, "roster import ends");
    Ok(report)
}

/// Looks at what a roster is and of which district, without importing anything. Blocks on the disk.
pub fn peek(path: &Path, options: &Options) -> Result<Peek, RosterError> {
    let (source, roster) = open(path, options)?;
    let district_name = match roster {
        Roster::Export(..) => oneroster::district_name(&source),
        Roster::Kinds(..) | Roster::List(..) => None,
    };
    Ok(Peek { format: roster.format(), version: roster.version().to_owned(), district_name })
}

/// Opens a roster and finds out what it is.
pub(crate) fn open(path: &Path, options: &Options) -> Result<(Source, Roster), RosterError> {
    let source = Source::open(path, options.sheet.as_deref())?;
    let roster = Roster::of(&source, !options.mapping.is_empty())?;
    if let Roster::Export(manifest, ..) = &roster
        && !source.has("users.csv")
        && !manifest.leaves_users_out()
    {
        return Err(RosterError::NoUsers);
    }
    Ok((source, roster))
}
