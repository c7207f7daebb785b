//! `keybell bench`: how many accounts a second this machine resets, and how many cores somebody needs.
//!
//! It brings made-up pupils into a place of its own (`place.rs`, `people.rs`), starts the real processes there (`fleet.rs`,
//! `process.rs`) with a mail sink beside them (`sink.rs`), submits one bulk reset and watches (`pipeline.rs`, `sampling.rs`,
//! `usage.rs`). Right before and after, it runs the tight loop of every hashing engine (`engines.rs`), because the same
//! machine may be half as fast an hour later: ratios count, not figures. `figures.rs` is what comes out, `show.rs` the table.

mod engines;
mod figures;
mod fleet;
mod people;
mod pipeline;
mod place;
mod process;
mod projection;
mod sampling;
mod show;
mod sink;
mod timeline;
mod usage;

use std::path::{Path, PathBuf};

use anyhow::Result;
use keybell_shared::config::{Config, Hashing, RunMode};

use crate::args::{Bench, BenchMode, Output};
use crate::configuration;
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::complain;
use crate::stop::Stop;
use figures::Report;
use place::Place;
pub(super) use process::process;

/// The cheapest hash that Argon2 knows: with it nearly all time goes elsewhere.
const NO_COST: Hashing = Hashing { memory_kib: 8, passes: 1, lanes: 1, threads: 0 };

/// What shall be measured.
struct Plan {
    arguments: Bench,
    /// The configuration file that was named, for the processes.
    file: Option<PathBuf>,
    /// Where the temporary folder is made.
    beside: PathBuf,
    /// Whether progress is shown.
    shown: bool,
    /// Cores that this process may use.
    cores: usize,
}

impl Plan {
    /// Reset workers.
    fn workers(&self, mode: RunMode) -> usize {
        match mode {
            RunMode::Embedded => 1,
            RunMode::Cluster => usize::from(self.arguments.workers.unwrap_or(1)),
        }
    }

    /// The cost of a hash.
    fn cost(&self, configured: &Hashing) -> Hashing {
        if self.arguments.without_hashing {
            return Hashing { threads: configured.threads, ..NO_COST };
        }
        Hashing {
            memory_kib: self.arguments.memory_kib.unwrap_or(configured.memory_kib),
            passes: self.arguments.passes.unwrap_or(configured.passes),
            ..*configured
        }
    }

    /// Hashing threads of one reset worker.
    fn threads(&self, config: &Config) -> usize {
        match (self.arguments.threads, config.mode) {
            (Some(threads), _) => usize::from(threads),
            (None, RunMode::Cluster) if config.hashing.threads == 0 => (self.cores / self.workers(config.mode)).max(1),
            (None, RunMode::Embedded | RunMode::Cluster) => keybell_hashing::threads_for(&config.hashing),
        }
    }

    /// Says what happens now.
    fn tell(&self, text: &str) {
        if self.shown {
            complain(text);
        }
    }
}

pub(crate) async fn run(
    arguments: Bench,
    file: Option<&Path>,
    folder: Option<PathBuf>,
    output: Output,
) -> Result<Exit> {
    let modes: &[RunMode] = match arguments.mode {
        BenchMode::Embedded => &[RunMode::Embedded],
        BenchMode::Cluster => &[RunMode::Cluster],
        BenchMode::Both => &[RunMode::Embedded, RunMode::Cluster],
    };
    if arguments.workers.is_some() && !modes.contains(&RunMode::Cluster) {
        return Err(Exit::Usage.because("--workers counts processes of the cluster; add --mode cluster or both"));
    }
    let plan = Plan {
        file: file.map(Path::to_owned),
        beside: folder.unwrap_or_else(std::env::temp_dir),
        shown: output == Output::Text,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        arguments,
    };
    crate::logging::begin(&logged(), true)?;
    warn(&plan);
    let stop = Stop::on_signals()?;
    let mut runs = Vec::with_capacity(modes.len());
    for mode in modes {
        runs.push(Box::pin(one(&plan, *mode, &stop)).await?);
    }
    let report = Report::of(&plan, runs)?;
    show::report(&report, output)?;
    Ok(if report.adds_up() { Exit::Done } else { Exit::Failed })
}

/// How this process logs: as the environment says.
fn logged() -> Config {
    let config = Config::default();
    Config { log: configuration::variable("KEYBELL_LOG").unwrap_or(config.log.clone()), ..config }
}

/// What whoever reads the figures must know.
fn warn(plan: &Plan) {
    if cfg!(debug_assertions) {
        complain("this is a debug build, which is several times slower than a release build: its figures mean nothing");
    }
    if plan.arguments.without_hashing {
        complain(
            "WITHOUT THE COST OF HASHING (Argon2id m = 8 KiB, t = 1): this shows what everything else can do. No password \
             is safe at this setting, and no other command accepts it",
        );
    }
}

/// Measures one mode in a place of its own, and takes the place away, whatever came of it.
async fn one(plan: &Plan, mode: RunMode, stop: &Stop) -> Result<figures::Run> {
    let place = Place::make(plan, mode).await?;
    let context = Context { config: place.config.clone(), output: Output::Text, server: None };
    let measured = tokio::select! {
        biased;
        () = stop.soft.cancelled() => Err(Exit::Failed.because("stopped before the end; there is nothing to show")),
        measured = pipeline::measure(plan, &place, context, stop) => measured,
    };
    let deleted = place.delete().await;
    let run = measured?;
    deleted?;
    Ok(run)
}
