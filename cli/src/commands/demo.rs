//! `keybell demo`: a sample district's passwords are reset while you watch.

pub(super) mod cluster;
mod district;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_roster::Options;
use keybell_scheduler::Wake;
use keybell_scheduler::intake::{Intake, json};
use keybell_shared::clock::Stopwatch;
use keybell_shared::config::{Config, RunMode};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{District, KeyLedger as _};
use keybell_shared::precautions;

use super::console;
use crate::args::{Demo, Output};
use crate::configuration::{self, keys_folder};
use crate::context::Context;
use crate::desk::Desk;
use crate::keys::{KeyOwner, seal_key};
use crate::live;
use crate::outcome::Exit;
use crate::output::complain;
use crate::running::Everything;
use crate::stop::Stop;
use crate::wiring::{Backends, open};

/// What the demo asks for: everybody without a privileged role, each in the shape of their grade, told by e-mail, else
/// SMS, else through their guardians.
fn request() -> serde_json::Value {
    serde_json::json!({
        "selection": {"scope": "without_role"},
        "password": {"source": "generated", "format": "by-grade"},
        "channel": "cascade",
        "reason": "start_of_year",
        "acknowledgement": precautions::VERSION,
    })
}

/// The sample district's short name.
const DISTRICT: &str = "larkspur";

pub(crate) async fn run(arguments: Demo, file: Option<&Path>, folder: Option<PathBuf>, output: Output) -> Result<Exit> {
    let folder = folder.unwrap_or_else(|| PathBuf::from("./keybell-demo"));
    let config = if arguments.cluster { cluster::configure(file, &folder)? } else { embedded(&folder) };
    let context = Context { config, output, server: None };
    crate::logging::begin(&context.config, true)?;
    let stop = Stop::on_signals()?;
    let watch = Stopwatch::start();
    let backends = Arc::new(open(&context.config).await?);
    if arguments.cluster {
        crate::keys::create(&keys_folder(&context.config))?;
        backends.ledger.migrate().await.context("the demo's database (KEYBELL_DATABASE_URL)")?;
        only_the_demo(&backends).await?;
    }
    let district = sample(&backends, &folder, output).await?;
    let task = start(&context, &backends, &district).await?;
    let fleet = if arguments.cluster { Some(cluster::start(&context.config, &folder)?) } else { None };
    let everything = Everything::start_if_embedded(&context, &backends, &stop, &Wake::default())?;
    let desk = Desk::over(&context, &backends, &district);
    let last = live::follow(&desk, task, &stop.soft).await?;
    let seconds = watch.elapsed().as_secs_f64();
    let exit = show::result(&context, &desk, &last, seconds, &arguments).await?;
    if arguments.serve && !stop.soft.is_cancelled() {
        serve(everything, &context, &backends, &district, &stop).await?;
    } else {
        everything.finish().await;
    }
    if let Some(fleet) = fleet {
        fleet.finish().await;
    }
    desk.close().await;
    Ok(exit)
}

/// The embedded demo needs no configuration and takes none, so that it works everywhere.
fn embedded(folder: &Path) -> Config {
    let mut config = Config { folder: folder.to_owned(), ..Config::default() };
    config.log = configuration::variable("KEYBELL_LOG").unwrap_or(config.log);
    if let Some(listen) = configuration::variable("KEYBELL_HTTP__LISTEN").and_then(|text| text.parse().ok()) {
        config.http.listen = listen;
    }
    // Somebody is watching: what is due is looked for at once.
    config.scheduler.scan_every = Duration::from_millis(500);
    config
}

/// Refuses a database in which somebody works.
async fn only_the_demo(backends: &Backends) -> Result<()> {
    let others = backends.ledger.districts().await?.into_iter().find(|district| district.slug != DISTRICT);
    match others {
        None => Ok(()),
        Some(other) => anyhow::bail!(
            "the database that KEYBELL_DATABASE_URL names holds the district `{}`; the demo wants one of its own",
            other.slug
        ),
    }
}

/// Brings the sample district in. A second time it finds everybody unchanged.
async fn sample(backends: &Backends, folder: &Path, output: Output) -> Result<District> {
    let files = district::write(folder)?;
    let district = backends.ledger.ensure_district(DISTRICT, "Larkspur Valley School District").await?;
    let report = super::roster::bring_in(backends, &district, &files, Options::default()).await?;
    if output == Output::Text {
        complain(&format!(
            "{}: {} rows of a OneRoster roster read ({} new, {} known, {} inactive)",
            district.name, report.total.read, report.total.created, report.total.unchanged, report.total.inactive
        ));
    }
    Ok(district)
}

async fn start(context: &Context, backends: &Backends, district: &District) -> Result<TaskId> {
    let key = seal_key(&keys_folder(&context.config), KeyOwner::Reset)?;
    let intake = Intake::new(Arc::clone(&backends.ledger) as _, Some(key)).configured(context.config.passwords.clone());
    let request = json::parse(request().to_string().as_bytes())?;
    let actor = console(district);
    let preview = intake.preview(&actor, &request).await?;
    let skipped: u64 = preview.skipped.iter().map(|(_, n)| n).sum();
    if context.output == Output::Text {
        complain(&format!(
            "resetting everybody without a privileged role: {} accounts, {skipped} more are left untouched by a rule\n",
            preview.eligible
        ));
    }
    Ok(intake.submit(&actor, request, &uuid::Uuid::now_v7().to_string()).await?.task)
}

/// Keeps the API running with a key to try it.
async fn serve(
    mut everything: Everything,
    context: &Context,
    backends: &Backends,
    district: &District,
    stop: &Stop,
) -> Result<()> {
    everything.api(context, backends, &Wake::default()).await?;
    show::api(context, backends, district).await?;
    everything.run(stop).await
}

/// Whether this is the cluster demo.
pub(crate) fn is_cluster(config: &Config) -> bool {
    config.mode == RunMode::Cluster
}
