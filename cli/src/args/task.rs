//! `keybell task`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keybell_shared::ids::TaskId;
use keybell_shared::states::ItemState;

use super::{Confirmed, District, Exceptions, Schedule, Telling, words};

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List the district's tasks, the newest first.
    List {
        #[command(flatten)]
        district: District,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on after a page: what its `next` says.
        #[arg(long, value_name = "CURSOR", value_parser = words::cursor)]
        before: Option<String>,
    },
    /// Show one task with its codes.
    Show {
        #[command(flatten)]
        one: One,
        /// List the first accounts in this state, too (`task items` lists all).
        #[arg(long, value_name = "STATE", value_parser = words::item_state())]
        items: Option<ItemState>,
    },
    /// List a task's accounts: where each stands, and why.
    Items {
        #[command(flatten)]
        one: One,
        /// Only accounts in this state.
        #[arg(long, value_parser = words::item_state())]
        state: Option<ItemState>,
        /// How many.
        #[arg(long, default_value_t = 100, conflicts_with = "all",
            value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
        /// All of them.
        #[arg(long)]
        all: bool,
        /// Go on after a page: what its `next` says.
        #[arg(long, value_name = "CURSOR", value_parser = words::cursor)]
        after: Option<String>,
    },
    /// Watch a task until it ends.
    Watch(One),
    /// Approve a task that somebody else asked for, and that waits for it. `task cancel` rejects it.
    Approve {
        #[command(flatten)]
        one: One,
        /// The digest of the accounts that you looked at (`task show`); without it they are shown, and you are asked.
        #[arg(long, value_name = "DIGEST")]
        digest: Option<String>,
    },
    /// Stop dispatching; people whose password was changed are still told.
    Pause(One),
    /// Go on with a paused task.
    Resume(One),
    /// Cancel: afterwards no further password of the task changes.
    Cancel(One),
    /// Tell people again, with the same password while it is still kept. Without a word: all who could not be told.
    Resend {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        chosen: Chosen,
        /// Do not wait for the end.
        #[arg(long)]
        detach: bool,
    },
    /// Reset accounts of a task once more, as a new task. Without a word: those that failed or could not be told.
    Reissue(Box<Reissue>),
    /// Write the outcome of every account as a file; never a password.
    Report(Report),
}

/// One task.
#[derive(Debug, Args)]
pub(crate) struct One {
    #[command(flatten)]
    pub(crate) district: District,
    /// The task's id, as `keybell reset` and `keybell task list` show it: 36 characters, such as
    /// 019372f1-5b7a-7c3e-9d40-5a1e0c6b2f12.
    #[arg(value_parser = words::task)]
    pub(crate) task: TaskId,
}

/// Which accounts of a task.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Those in this state; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = words::item_state(), conflicts_with_all = ["account", "accounts_file"])]
    pub(crate) items: Vec<ItemState>,
    /// This account (username, account id or roster id); may be repeated.
    #[arg(long)]
    pub(crate) account: Vec<String>,
    /// A file with one account per line.
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts_file: Option<PathBuf>,
}

/// `keybell task reissue`. What is not said is as in the earlier task; a shared password must be given again.
#[derive(Debug, Args)]
pub(crate) struct Reissue {
    #[command(flatten)]
    pub(crate) one: One,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) exceptions: Exceptions,
    #[command(flatten)]
    pub(crate) telling: Telling,
    #[command(flatten)]
    pub(crate) schedule: Schedule,
    /// A key of your own; the same key and request never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) detach: bool,
}

/// `keybell task report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) one: One,
    /// The kind of file; without a word, as the name after -o ends, else csv.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
    /// Only accounts in this state.
    #[arg(long, value_parser = words::item_state(), conflicts_with = "unreachable")]
    pub(crate) state: Option<ItemState>,
    /// Only the people whom nobody could tell, with what is needed to hand the password over.
    #[arg(long)]
    pub(crate) unreachable: bool,
    /// Where it is written; without it, to standard output.
    #[arg(long = "out", short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The kind of a report's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Csv,
    Xlsx,
}

impl ReportFormat {
    /// The end of its files' names.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}
