//! `keybell upload`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keybell_shared::password::PolicyName;

use super::narrowed::Narrowed;
use super::{Confirmed, District, Schedule, words};

#[derive(Debug, Subcommand)]
pub(crate) enum Upload {
    /// Write the list of accounts that is filled in: one row each, `New username` and `New password` empty.
    Export(Box<Export>),
    /// Try a filled-in file out: judges every row and changes nothing.
    Try(Box<Try>),
    /// Set the passwords and usernames of a file: tries it out, shows how its rows fare, asks, then starts exactly that.
    Start(Box<Start>),
}

/// `keybell upload export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) district: District,
    /// Where to: a file that ends in .xlsx is a workbook, any other one CSV.
    #[arg(value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there. It may be one that was filled in.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) narrowed: Narrowed,
}

/// `keybell upload try`.
#[derive(Debug, Args)]
pub(crate) struct Try {
    #[command(flatten)]
    pub(crate) file: Filled,
    /// Write every row with its status here as well, without the passwords: .xlsx is a workbook, any other one CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) result: Option<PathBuf>,
}

/// `keybell upload start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) file: Filled,
    /// Start the good rows although others have errors; without it one error stops everything.
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// What a trial run answered as `trial`: start only if everything is still as it was then.
    #[arg(long, value_name = "TRIAL")]
    pub(crate) trial: Option<String>,
    #[command(flatten)]
    pub(crate) schedule: Schedule,
    /// A key of your own; the same key and file never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) detach: bool,
}

/// A filled-in file, and its rules.
#[derive(Debug, Args)]
pub(crate) struct Filled {
    #[command(flatten)]
    pub(crate) district: District,
    /// The file: CSV or XLSX, with the columns of an export.
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// Why; it is kept in the audit.
    #[arg(long, value_parser = ["start_of_year", "new_starters", "lost", "suspected_compromise", "other"])]
    pub(crate) reason: String,
    /// Which rules the passwords obey.
    #[arg(long, value_parser = words::policy(), help_heading = "The new passwords")]
    pub(crate) policy: Option<PolicyName>,
    /// They must be changed at the first sign-in; without a word they are permanent.
    #[arg(long, help_heading = "The new passwords")]
    pub(crate) temporary: bool,
    /// After how many hours a temporary password expires; 168 without a word.
    #[arg(long, value_name = "HOURS", requires = "temporary", help_heading = "The new passwords")]
    pub(crate) expires_in_hours: Option<u32>,
    /// Have applications clear the accounts' security questions, too.
    #[arg(long, help_heading = "The new passwords")]
    pub(crate) clear_security_questions: bool,
    /// `force_then_request`: people are also sent a one-time link to choose their own.
    #[arg(long, value_parser = ["force", "force_then_request"], help_heading = "Telling people")]
    pub(crate) mode: Option<String>,
    /// What is sent to people who are told.
    #[arg(long, value_parser = ["password", "link"], help_heading = "Telling people")]
    pub(crate) delivery: Option<String>,
    /// Whether people are told; auto: uploaded passwords are not sent.
    #[arg(long, value_parser = ["auto", "always", "never"], help_heading = "Telling people")]
    pub(crate) notify: Option<String>,
    /// How they are told; cascade: by e-mail, else by SMS, else through the guardians.
    #[arg(long, value_parser = ["email", "sms", "both", "cascade"], help_heading = "Telling people")]
    pub(crate) channel: Option<String>,
    /// Who is told.
    #[arg(long, value_parser = ["account", "guardians", "both"], help_heading = "Telling people")]
    pub(crate) recipient: Option<String>,
    /// Accounts of which nobody can be told; reset: they are reset all the same and listed, for you to hand the passwords over;
    /// skip: they are left untouched. reset without a word.
    #[arg(long, value_parser = ["reset", "skip"], help_heading = "Telling people")]
    pub(crate) unreachable: Option<String>,
}
