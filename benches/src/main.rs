//! How the shared parts behave with many accounts, many workers and unequal districts. `docs/scale.md` tells what it
//! showed.
//!
//! Every part makes a database, a prefix on the broker and one on Redis of its own, and removes them. Schedulers and
//! workers are processes of their own (this program again, as a [`role`]), so that memory and CPU are theirs alone.

mod district;
mod expansion;
mod fairness;
mod ground;
mod import;
mod output;
mod plans;
mod plot;
mod processes;
mod reads;
mod role;
mod search;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};

/// Measures expansion, dispatch, workers and fairness on the services that `KEYBELL_DATABASE_URL`, `KEYBELL_AMQP_URL` and
/// `KEYBELL_REDIS_URL` name.
#[derive(Debug, Parser)]
#[command(name = "scale", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    part: Part,
    /// How the result is written.
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One bulk reset of many accounts: writing down the accounts, and bringing them to the broker.
    Expansion {
        /// How many accounts; each number is a run of its own.
        #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
        accounts: Vec<u32>,
        /// Draws the costs into this SVG file.
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
    },
    /// More and more worker processes, whose hashing is only waiting.
    Workers(workers::Options),
    /// A small district beside a large one.
    Fairness(fairness::Options),
    /// A OneRoster zip into an empty ledger.
    Import(import::Options),
    /// Plans of a large district: made and started.
    Plans(plans::Options),
    /// Looking for accounts among very many.
    Search(search::Options),
    /// What the other parts start. Its setting comes as JSON on standard input; it ends when that is closed.
    #[command(hide = true)]
    Role,
}

fn main() -> ExitCode {
    keybell_shared::tls::init();
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let json = cli.output == Output::Json;
    match &cli.part {
        Part::Expansion { accounts, plot } => {
            let mut rows = Vec::with_capacity(accounts.len());
            for accounts in accounts {
                rows.push(runtime.block_on(expansion::measure(*accounts))?);
            }
            if let Some(file) = plot {
                std::fs::write(file, plot::svg(&rows))
                    .with_context(|| format!("{} cannot be written", file.display()))?;
            }
            output::show(json, rows.as_slice(), expansion::table)
        }
        Part::Workers(options) => {
            output::show(json, runtime.block_on(workers::measure(options))?.as_slice(), workers::table)
        }
        Part::Fairness(options) => output::show(json, &runtime.block_on(fairness::measure(options))?, fairness::table),
        Part::Import(options) => {
            output::show(json, runtime.block_on(import::measure(options))?.as_slice(), import::table)
        }
        Part::Plans(options) => output::show(json, runtime.block_on(plans::measure(options))?.as_slice(), plans::table),
        Part::Search(options) => {
            output::show(json, runtime.block_on(search::measure(options))?.as_slice(), search::table)
        }
        Part::Role => runtime.block_on(role::run()),
    }
}
