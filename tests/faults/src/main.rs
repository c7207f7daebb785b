//! Breaks a running Keybell in every way that we know, and checks that no promise was broken. `docs/faults.md` tells how
//! to use it and what it found.

mod arming;
mod checker;
mod disk;
mod evidence;
mod fleet;
mod inject;
mod load;
mod mutations;
mod plan;
mod ports;
mod program;
mod proxy;
mod recovery;
mod report;
mod run;
mod scenario;
mod services;
mod sinks;
mod windows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use evidence::Mode;
use program::Build;
use run::{Options, tell};

/// Breaks a running Keybell and checks that no promise was broken.
///
/// Without a command: load and random faults for some minutes, from a seed; then rest, and the judgement of the twelve
/// invariants. Needs PostgreSQL, RabbitMQ and Redis installed (not running); a full disk needs root.
#[derive(Debug, Parser)]
#[command(name = "faults", args_conflicts_with_subcommands = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    soak: Soak,
    /// Where everything is written, and stays: data of the servers, logs, answers. Without, a folder that is removed.
    #[arg(long, global = true, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// The long run.
#[derive(Clone, Debug, clap::Args)]
struct Soak {
    /// Which of the two ways to run Keybell; `both` also compares how they end.
    #[arg(long, value_enum, default_value = "both")]
    mode: Modes,
    /// The schedule of the faults and the load; the same one again repeats a run.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How long faults are injected, in each mode.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Modes {
    Cluster,
    Embedded,
    Both,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Switches every mechanism off once, and shows that the checker notices.
    Mutations {
        /// This one alone.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Ends, stops and breaks a process in every gap between two steps that belong together.
    Windows {
        /// This one alone.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Measures how long each kind of recovery takes.
    Recovery {
        /// How often each is measured.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
}

fn main() -> ExitCode {
    keybell_shared::tls::init();
    let cli = Cli::parse();
    let done = Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run(cli)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Answers whether everything held.
async fn run(cli: Cli) -> Result<bool> {
    let temporary = tempfile::Builder::new().prefix("faults-").tempdir().context("no temporary folder")?;
    let folder = match &cli.keep {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            folder.clone()
        }
        None => temporary.path().to_owned(),
    };
    match cli.command {
        None => soak(&cli.soak, cli.output, &folder).await,
        Some(Command::Mutations { only }) => {
            let program = build(Build::Faults).await?;
            say("  mechanism that is off         where it stands                             invariant");
            let rows = mutations::run(&program, &folder, only.as_deref(), |row| say(&row.line())).await?;
            Ok(rows.iter().all(|row| row.right))
        }
        Some(Command::Windows { only }) => {
            let program = build(Build::Faults).await?;
            let rows = windows::run(&program, &folder, only.as_deref(), |row| say(&row.line())).await?;
            Ok(rows.iter().all(|row| row.faults.is_empty()))
        }
        Some(Command::Recovery { rounds }) => {
            let program = build(Build::Ordinary).await?;
            let table = recovery::recovery(rounds, &folder, program, cli.soak.seed).await?;
            say(&if cli.output == Output::Json { serde_json::to_string_pretty(&table)? } else { table.text() });
            Ok(table.held())
        }
    }
}

async fn soak(asked: &Soak, output: Output, folder: &Path) -> Result<bool> {
    let program = build(Build::Ordinary).await?;
    let modes: &[Mode] = match asked.mode {
        Modes::Cluster => &[Mode::Cluster],
        Modes::Embedded => &[Mode::Embedded],
        Modes::Both => &[Mode::Cluster, Mode::Embedded],
    };
    let options = Options { seed: asked.seed, length: Duration::from_secs_f64(asked.minutes * 60.0) };
    let reports = Box::pin(run::run(modes, options, &program, folder)).await?;
    match output {
        Output::Json => say(&serde_json::to_string_pretty(&reports)?),
        Output::Text => reports.iter().for_each(|report| say(&report.text())),
    }
    Ok(reports.iter().all(report::Report::held))
}

async fn build(which: Build) -> Result<PathBuf> {
    tell("building keybell");
    program::build(which).await
}

#[expect(clippy::print_stdout, reason = "the result is what this program is for")]
fn say(text: &str) {
    println!("{text}");
}
