//! `keybell roster`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use keybell_roster::{FileReport, Options, Outcome, Report, import, inspect, peek};
use keybell_shared::ports::ledger::{District, KeyLedger as _, RosterLedger};

use crate::args::{Import, Output, Roster, Said};
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::{say, say_json};
use crate::wiring::{Backends, open};

pub(crate) async fn run(context: Context, arguments: Roster) -> Result<Exit> {
    match arguments {
        Roster::Import(import) if import.dry_run => look(&context, &import.path, &import.said).await,
        Roster::Import(import) => take(context, import).await,
        Roster::Inspect(inspect) => look(&context, &inspect.path, &inspect.said).await,
    }
}

/// Shows what an import would do. No ledger is opened.
async fn look(context: &Context, path: &Path, said: &Said) -> Result<Exit> {
    let seen = inspect(path, said.options(None, context.config.roster.ranks())).await?;
    match context.output {
        Output::Json => say_json(&seen)?,
        Output::Text => say(seen.table().trim_end()),
    }
    Ok(exit(&seen.report))
}

async fn take(context: Context, import: Import) -> Result<Exit> {
    let Import { path, district: named, dry_run: _, said } = import;
    let roster = peek(&path, &said.options(None, context.config.roster.ranks()))?;
    let backends = open(&context.config).await?;
    let name = roster.district_name.clone().unwrap_or_else(|| "My district".to_owned());
    let district = match named {
        Some(slug) => backends.ledger.ensure_district(&slug, &name).await?,
        None => match backends.ledger.districts().await?.as_slice() {
            [only] => the_same(only, roster.district_name.as_deref())?,
            [] => backends.ledger.ensure_district(&slug(&name), &name).await?,
            many => anyhow::bail!(
                "name the district with --district; there are: {}",
                many.iter().map(|district| district.slug.as_str()).collect::<Vec<_>>().join(", ")
            ),
        },
    };
    let report =
        bring_in(&backends, &district, &path, said.options(Some(&district.name), context.config.roster.ranks()))
            .await?;
    backends.close().await;
    match context.output {
        Output::Json => say_json(&report)?,
        Output::Text => {
            say(&format!("{} (district `{}`)", district.name, district.slug));
            say(&report.title());
            say(report.table().trim_end());
        }
    }
    Ok(exit(&report))
}

/// A file that was refused, or one of which no row went in, is no success, whoever reads the exit code.
fn exit(report: &Report) -> Exit {
    let fine = |file: &FileReport| {
        let counts = &file.counts;
        file.outcome == Outcome::Read && (counts.read == 0 || counts.rejected < counts.read)
    };
    if report.files.iter().all(fine) { Exit::Done } else { Exit::Failed }
}

/// The only district, unless the roster names another one: two districts' people must never be mixed up by a default.
fn the_same(only: &District, named: Option<&str>) -> Result<District> {
    match named {
        Some(name) if name != only.name && slug(name) != only.slug => anyhow::bail!(
            "the roster is of `{name}`, but the only district here is `{}` ({}); say which is meant: --district {} for a \
             new one, --district {} to import into that one",
            only.name,
            only.slug,
            slug(name),
            only.slug
        ),
        _ => Ok(only.clone()),
    }
}

/// Imports with a spinner, or silently where there is no terminal.
pub(crate) async fn bring_in(
    backends: &Backends,
    district: &District,
    path: &Path,
    options: Options,
) -> Result<Report> {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let shown = bar.clone();
    let ledger: Arc<dyn RosterLedger> = Arc::clone(&backends.ledger) as Arc<dyn RosterLedger>;
    let report = import(path, options, district.id, ledger, move |progress| {
        shown.set_message(format!("{}: {} rows", progress.file, progress.rows));
        shown.tick();
    })
    .await?;
    bar.finish_and_clear();
    Ok(report)
}

/// A short name for the command line: `Larkspur Valley School District` becomes `larkspur-valley-school-district`.
fn slug(name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() { "district".to_owned() } else { words.join("-") }
}
