//! The command line, as its users see it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keybell_shared::actor::Role;
use keybell_shared::ids::{ApiKeyId, TaskId};
use keybell_shared::password::Format;
use keybell_shared::stage::Stage;
use keybell_shared::states::ItemState;

/// Bulk password resets for school districts.
#[derive(Debug, Parser)]
#[command(name = "keybell", version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file; without it, keybell.toml of this folder if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the embedded mode keeps its data; overrides the configuration.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// How results are written.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document on standard output.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a sample district's passwords being reset; nothing to install.
    Demo(Demo),
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
    /// Reset passwords in bulk: shows how many, asks, then starts.
    Reset(Box<Reset>),
    /// Look at tasks and control them.
    #[command(subcommand)]
    Task(Task),
    /// Make and revoke API keys.
    #[command(subcommand)]
    Apikey(Apikey),
    /// Allow upstream applications to publish requests by AMQP.
    #[command(subcommand)]
    Producer(Producer),
    /// Make the keys of sealed passwords.
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
    /// Print the commented default configuration.
    Config,
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
    #[arg(long, value_delimiter = ',', default_value = "reset,email,sms")]
    pub(crate) stages: Vec<Stage>,
    /// Hashing threads of the reset stage, or connections of the others; overrides the configuration.
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Roster {
    /// Import a OneRoster folder or zip (1.1, 1.2, 1.2.1; bulk mode).
    Import {
        /// The folder or zip.
        path: PathBuf,
        /// The district's short name; without it, the only district, or one named after the roster's.
        #[arg(long)]
        district: Option<String>,
    },
}

/// Flags, or a request file.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct Reset {
    /// The district's short name; not needed when there is only one.
    #[arg(long)]
    pub(crate) district: Option<String>,
    /// A request as JSON, as the API takes it; instead of the flags below.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scope", "account", "accounts_file", "school", "class", "grade",
        "user_type", "format", "shared_password_file", "permanent", "expires_in_hours", "notify", "channel", "recipient",
        "reason"])]
    pub(crate) request: Option<PathBuf>,
    /// Whose passwords: all, all_except, without_role, selected.
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// An account (username, account id or roster id) for selected and all_except; may be repeated.
    #[arg(long)]
    pub(crate) account: Vec<String>,
    /// A file with one account per line.
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts_file: Option<PathBuf>,
    /// Only these schools (roster id or name); may be repeated.
    #[arg(long)]
    pub(crate) school: Vec<String>,
    /// Only these classes (roster id or title); may be repeated.
    #[arg(long)]
    pub(crate) class: Vec<String>,
    /// Only these grades; may be repeated.
    #[arg(long)]
    pub(crate) grade: Vec<String>,
    /// Only these roster roles; may be repeated.
    #[arg(long)]
    pub(crate) user_type: Vec<String>,
    /// The shape of generated passwords: simple, classic, phrase3, phrase4, random12, by-grade.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// One password for all, read from a file; never from a flag, which others can see.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub(crate) shared_password_file: Option<PathBuf>,
    /// Confirm a shared password for more than 25 accounts.
    #[arg(long)]
    pub(crate) acknowledge_shared: bool,
    /// The new passwords need not be changed at the first sign-in and do not expire.
    #[arg(long)]
    pub(crate) permanent: bool,
    /// After how many hours a temporary password expires (168).
    #[arg(long, value_name = "HOURS")]
    pub(crate) expires_in_hours: Option<u32>,
    /// Whether people are told: auto, always, never.
    #[arg(long)]
    pub(crate) notify: Option<String>,
    /// How they are told: email, sms, both, cascade.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Who is told: account, guardians, both.
    #[arg(long)]
    pub(crate) recipient: Option<String>,
    /// Why: start_of_year, new_starters, lost, suspected_compromise, other.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// A key of your own; the same key and request never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Start without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Do not wait for the end (cluster).
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List the district's tasks, the newest first.
    List {
        #[command(flatten)]
        district: District,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show one task with its codes.
    Show {
        #[command(flatten)]
        district: District,
        /// The task.
        task: TaskId,
        /// List its items in this state, too.
        #[arg(long, value_name = "STATE")]
        items: Option<ItemState>,
    },
    /// Watch a task until it ends.
    Watch {
        #[command(flatten)]
        district: District,
        /// The task.
        task: TaskId,
    },
    /// Stop dispatching; people whose password was changed are still told.
    Pause {
        #[command(flatten)]
        district: District,
        /// The task.
        task: TaskId,
    },
    /// Go on with a paused task.
    Resume {
        #[command(flatten)]
        district: District,
        /// The task.
        task: TaskId,
    },
    /// Cancel: afterwards no further password of the task changes.
    Cancel {
        #[command(flatten)]
        district: District,
        /// The task.
        task: TaskId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct District {
    /// The district's short name; not needed when there is only one.
    #[arg(long)]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Apikey {
    /// Make a key; it is shown once.
    Create {
        #[command(flatten)]
        district: District,
        /// A name for people.
        #[arg(long)]
        name: String,
        /// What its holder is: district_admin, principal, teacher, operator, application.
        #[arg(long)]
        role: Role,
        /// The username of the person behind it, for principal and teacher.
        #[arg(long)]
        person: Option<String>,
    },
    /// List the district's keys.
    List {
        #[command(flatten)]
        district: District,
    },
    /// Revoke a key, at once.
    Revoke {
        #[command(flatten)]
        district: District,
        /// The key's id.
        id: ApiKeyId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Producer {
    /// Allow the broker user NAME to publish requests for the district.
    Allow {
        #[command(flatten)]
        district: District,
        /// The broker user.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make the key pairs that are missing.
    Create,
}
