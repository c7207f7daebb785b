//! The command line, as its users see it.

mod account;
mod apikey;
mod bench;
mod narrowed;
mod plan;
mod reset;
mod roster;
mod task;
mod upload;
mod webhook;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keybell_shared::stage::Stage;

use crate::outcome;
use crate::output::colour::When;

pub(crate) use account::{Account, AccountOne, Manage, Search};
pub(crate) use apikey::Apikey;
pub(crate) use bench::{Bench, BenchMode, BenchProcess, BenchRole};
pub(crate) use plan::{Apply, OnePlan, Plan, PlanAction};
pub(crate) use reset::{Asked, Confirmed, Exceptions, Formats, Reset, Schedule, Telling};
pub(crate) use roster::{Import, Roster, Said};
pub(crate) use task::{Chosen, One, Reissue, Report, ReportFormat, Task};
pub(crate) use upload::{Export, Filled, Start, Try, Upload};
pub(crate) use webhook::{Webhook, WebhookOne};

/// Bulk password resets for school districts.
#[derive(Debug, Parser)]
#[command(name = "keybell", version, about, propagate_version = true, max_term_width = 100)]
#[command(after_help = outcome::TABLE, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration file; without it, keybell.toml of this folder if there is one.
    #[arg(long, global = true, value_name = "FILE", help_heading = "For every command")]
    pub(crate) config: Option<PathBuf>,
    /// Where the embedded mode keeps its data; overrides the configuration.
    #[arg(long, global = true, value_name = "DIR", help_heading = "For every command")]
    pub(crate) folder: Option<PathBuf>,
    /// Ask this server instead, such as https://keybell.example.org. The key is in the variable KEYBELL_API_KEY.
    #[arg(long, global = true, value_name = "URL", conflicts_with_all = ["config", "folder"],
        help_heading = "For every command")]
    pub(crate) server: Option<String>,
    /// The file with the API key for --server, instead of KEYBELL_API_KEY.
    #[arg(long, global = true, value_name = "FILE", help_heading = "For every command")]
    pub(crate) key_file: Option<PathBuf>,
    /// How results are written: for people, or as one JSON document.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, help_heading = "For every command")]
    pub(crate) output: Output,
    /// When colours are written; NO_COLOR and CLICOLOR_FORCE are heeded.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN",
        help_heading = "For every command")]
    pub(crate) color: When,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    // No help of their own: with it clap writes every help text in its long form.
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a sample district's passwords being reset; nothing to install.
    Demo(Demo),
    /// Measure this machine with made-up accounts: how fast, and how many cores a million needs.
    Bench(Bench),
    /// A process that `keybell bench` starts.
    #[command(hide = true)]
    BenchProcess(BenchProcess),
    /// Run everything in this process: API, scheduler and workers of all stages.
    Serve,
    /// Run the HTTP API (cluster).
    Api,
    /// Run the scheduler (cluster).
    Scheduler,
    /// Run workers (cluster).
    Worker(Worker),
    /// Bring rosters in.
    #[command(subcommand)]
    Roster(Roster),
    /// Try a reset out and write it down: whom it means, who cannot be told, which rules apply, how long it takes.
    Plan(Box<Plan>),
    /// Reset passwords in bulk: shows how many, asks, then starts.
    Reset(Box<Reset>),
    /// Set passwords and usernames from a file: export it, fill it in, try it out, start it.
    #[command(subcommand)]
    Upload(Upload),
    /// Look at tasks and control them.
    #[command(subcommand)]
    Task(Task),
    /// Look for accounts, and protect some.
    #[command(subcommand)]
    Account(Account),
    /// How many messages wait at each stage, and how many workers take them.
    Fleet,
    /// The precautions: what whoever starts a bulk reset must have read.
    Precautions,
    /// The legend of the codes that every account ends with.
    Codes,
    /// The formats of generated passwords, with examples and their entropy.
    Formats(Formats),
    /// Make and revoke API keys.
    #[command(subcommand)]
    Apikey(Apikey),
    /// Tell upstream applications what happens, by signed requests to their addresses.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Allow upstream applications to publish requests by AMQP.
    #[command(subcommand)]
    Producer(Producer),
    /// Print the AsyncAPI document of the AMQP door, or a JSON Schema of it.
    Asyncapi {
        /// The JSON Schema (2020-12) of this instead.
        #[arg(long, value_enum)]
        schema: Option<MessageSchema>,
    },
    /// Make and change the keys of sealed passwords and of webhooks.
    #[command(subcommand)]
    Keys(Keys),
    /// Bring the database up to this version.
    Migrate,
    /// Check the configuration and every connection; names what is wrong.
    Doctor {
        /// Print nothing; the exit code tells.
        #[arg(long)]
        quiet: bool,
    },
    /// Forget ended tasks, events and idempotency keys that are older than [retention] says.
    Purge(Purge),
    /// Print the commented default configuration.
    Config,
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON).
    Openapi,
    /// Print the completions of a shell, to be put where that shell looks for them.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command.
    Man {
        /// The folder for all pages, such as /usr/local/share/man/man1; without it, keybell(1) is printed.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Use PostgreSQL, RabbitMQ and Redis, with separate worker processes.
    #[arg(long)]
    pub(crate) cluster: bool,
    /// Keep the API running afterwards.
    #[arg(long)]
    pub(crate) serve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// The stages that this worker does.
    #[arg(long, value_delimiter = ',', default_value = "reset,email,sms", value_parser = words::stage())]
    pub(crate) stages: Vec<Stage>,
    /// Hashing threads of the reset stage, or connections of the others; overrides the configuration.
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct District {
    /// The district's short name; not needed when there is only one.
    #[arg(long)]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Only count what would be forgotten.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Forget without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What goes over AMQP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageSchema {
    /// A request, as applications publish it.
    Request,
    /// An event, as they hear it.
    Event,
}

fn producer_name(name: &str) -> Result<String, String> {
    keybell_shared::actor::check_producer_name(name).map(|()| name.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Producer {
    /// Allow the broker user NAME to publish requests for the district, or change what it may ask for.
    Allow {
        #[command(flatten)]
        district: District,
        /// The broker user.
        #[arg(value_parser = producer_name)]
        name: String,
        /// How many of its requests may become tasks within any hour (at first 600).
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        requests_per_hour: Option<u32>,
        /// How many accounts one request may reset; 0 is any number (as at first).
        #[arg(long, value_name = "N")]
        accounts_per_request: Option<u32>,
    },
    /// List the district's producers, what they may ask for, and what they asked for.
    List {
        #[command(flatten)]
        district: District,
    },
    /// Forbid the broker user NAME to publish, at once. Its tasks go on.
    Forbid {
        #[command(flatten)]
        district: District,
        /// The broker user.
        name: String,
    },
}

/// What somebody may want to rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rotatable {
    // No help of their own: with it clap writes every help text in its long form.
    Notifier,
    Reset,
    // Answered with what to do instead.
    #[value(hide = true)]
    Webhooks,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make the keys that are missing: two key pairs, and the one that the secrets of webhooks come from.
    Create,
    /// List the keys in the folder, and how many sealed passwords each one is needed for.
    List,
    /// Make a new pair; what was sealed to the old one still opens. Without an owner, all pairs.
    Rotate {
        /// Whose pair: notifier (new passwords), reset (shared passwords).
        #[arg(value_enum)]
        owner: Option<Rotatable>,
    },
    /// Destroy an old private key, unless a sealed password still needs it.
    Retire {
        /// The key's id.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}
