//! `keybell reset`.

use std::path::PathBuf;

use clap::Args;
use keybell_shared::password::Format;

use super::words;

/// Flags, or a request file.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// The district's short name; not needed when there is only one.
    #[arg(long)]
    pub(crate) district: Option<String>,
    /// A request as JSON, as the API takes it; instead of the flags below.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scope", "account", "accounts_file", "school", "class", "grade",
        "user_type", "format", "shared_password_file", "acknowledge_shared", "permanent", "expires_in_hours", "notify",
        "channel", "recipient", "reason", "acknowledge"])]
    pub(crate) request: Option<PathBuf>,
    /// Whose passwords.
    #[arg(long, value_parser = ["all", "all_except", "without_role", "selected"], help_heading = "Whose passwords")]
    pub(crate) scope: Option<String>,
    /// An account (username, account id or roster id) for selected and all_except; may be repeated.
    #[arg(long, help_heading = "Whose passwords")]
    pub(crate) account: Vec<String>,
    /// A file with one account per line.
    #[arg(long, value_name = "FILE", help_heading = "Whose passwords")]
    pub(crate) accounts_file: Option<PathBuf>,
    /// Only these schools (roster id or name); may be repeated.
    #[arg(long, help_heading = "Whose passwords")]
    pub(crate) school: Vec<String>,
    /// Only these classes (roster id or title); may be repeated.
    #[arg(long, help_heading = "Whose passwords")]
    pub(crate) class: Vec<String>,
    /// Only these grades; may be repeated.
    #[arg(long, help_heading = "Whose passwords")]
    pub(crate) grade: Vec<String>,
    /// Only these roster roles; may be repeated.
    #[arg(long, help_heading = "Whose passwords")]
    pub(crate) user_type: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// A key of your own; the same key and request never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) detach: bool,
}

/// The new passwords, and who is told.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// The shape of generated passwords; by-grade without a word.
    #[arg(long, value_parser = words::format(), help_heading = "The new passwords")]
    pub(crate) format: Option<Format>,
    /// One password for all, read from a file; never from a flag, which others can see.
    #[arg(long, value_name = "FILE", conflicts_with = "format", help_heading = "The new passwords")]
    pub(crate) shared_password_file: Option<PathBuf>,
    /// Confirm a shared password for more than 25 accounts.
    #[arg(long, requires = "shared_password_file", help_heading = "The new passwords")]
    pub(crate) acknowledge_shared: bool,
    /// The new passwords need not be changed at the first sign-in and do not expire.
    #[arg(long, help_heading = "The new passwords")]
    pub(crate) permanent: bool,
    /// After how many hours a temporary password expires; 168 without a word.
    #[arg(long, value_name = "HOURS", help_heading = "The new passwords")]
    pub(crate) expires_in_hours: Option<u32>,
    /// Whether people are told; auto: generated passwords are sent, a shared one is not.
    #[arg(long, value_parser = ["auto", "always", "never"], help_heading = "Telling people")]
    pub(crate) notify: Option<String>,
    /// How they are told; cascade: by e-mail, else by SMS, else through the guardians.
    #[arg(long, value_parser = ["email", "sms", "both", "cascade"], help_heading = "Telling people")]
    pub(crate) channel: Option<String>,
    /// Who is told.
    #[arg(long, value_parser = ["account", "guardians", "both"], help_heading = "Telling people")]
    pub(crate) recipient: Option<String>,
    /// Why; it is kept in the audit.
    #[arg(long, value_parser = ["start_of_year", "new_starters", "lost", "suspected_compromise", "other"])]
    pub(crate) reason: Option<String>,
}

/// That somebody wants it, and has read the precautions.
#[derive(Debug, Args)]
pub(crate) struct Confirmed {
    /// Start without asking. Nobody is shown the precautions then, so --acknowledge must say which ones were read.
    #[arg(long)]
    pub(crate) yes: bool,
    /// The version of the precautions that you have read (`keybell precautions` shows them).
    #[arg(long, value_name = "VERSION")]
    pub(crate) acknowledge: Option<String>,
}
