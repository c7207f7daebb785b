//! `keybell reset`.

use std::path::PathBuf;

use clap::Args;
use keybell_shared::ids::PlanId;
use keybell_shared::password::{Format, Language, PolicyName};

use super::narrowed::Narrowed;
use super::words;

/// Flags, or a request file; or a plan.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Start this plan instead, as `keybell plan apply` does.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["request", "scope", "account", "accounts_file", "school", "class",
        "grade", "user_type", "graduation_year", "group", "family_name", "confirm_requester", "confirm_protected", "mode",
        "delivery", "format", "language", "policy", "permanent", "permanent_grade", "expires_in_hours", "clear_security_questions", "notify",
        "channel", "recipient", "unreachable", "reason", "start_at", "zone", "wave_by", "canary", "halt_above"])]
    pub(crate) plan: Option<PlanId>,
    /// A key of your own; the same key and request never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) detach: bool,
    // Last, because its headings would hold for whatever follows.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// What is asked for, by flags or by a request file.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The district's short name; not needed when there is only one.
    #[arg(long)]
    pub(crate) district: Option<String>,
    /// A request as JSON, as the API takes it; instead of the flags below.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scope", "account", "accounts_file", "school", "class", "grade",
        "user_type", "graduation_year", "group", "family_name", "confirm_requester", "confirm_protected", "mode", "delivery", "format", "start_at", "zone", "wave_by", "canary", "halt_above",
        "language", "policy", "shared_password_file", "acknowledge_shared", "permanent", "permanent_grade", "expires_in_hours",
        "clear_security_questions", "notify", "channel", "recipient", "unreachable", "reason"])]
    pub(crate) request: Option<PathBuf>,
    /// Whose passwords.
    #[arg(long, value_parser = ["all", "all_except", "without_role", "selected"], help_heading = "Which accounts")]
    pub(crate) scope: Option<String>,
    /// An account (username, account id or roster id) for selected and all_except; may be repeated.
    #[arg(long, help_heading = "Which accounts")]
    pub(crate) account: Vec<String>,
    /// A file with one account per line.
    #[arg(long, value_name = "FILE", help_heading = "Which accounts")]
    pub(crate) accounts_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) narrowed: Narrowed,
    #[command(flatten)]
    pub(crate) exceptions: Exceptions,
    /// How passwords change; force: a new one is set at once; request: the present one stays, and people are sent a link to
    /// choose a new one; force_then_request: both. force without a word.
    #[arg(long, value_parser = ["force", "request", "force_then_request"], help_heading = "The new passwords")]
    pub(crate) mode: Option<String>,
    /// What is sent; link: a one-time link to choose a password. password without a word; the modes that ask always send a
    /// link.
    #[arg(long, value_parser = ["password", "link"], help_heading = "Telling people")]
    pub(crate) delivery: Option<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
    #[command(flatten)]
    pub(crate) schedule: Schedule,
}

/// When it begins.
#[derive(Debug, Args)]
#[command(next_help_heading = "When")]
pub(crate) struct Schedule {
    /// Change no password before this time, which says its offset from UTC: 2026-12-01T05:00:00-06:00, or 2026-12-01T11:00:00Z. At
    /// most a year ahead.
    #[arg(long, value_name = "TIME")]
    pub(crate) start_at: Option<String>,
    /// The time zone that was meant, such as America/Chicago; it is shown and nothing is computed from it.
    #[arg(long, value_name = "ZONE", requires = "start_at")]
    pub(crate) zone: Option<String>,
    /// Hand out in waves, one after the other: a school or a grade each.
    #[arg(long, value_parser = ["school", "grade"])]
    pub(crate) wave_by: Option<String>,
    /// So many accounts, drawn from all, are the first wave.
    #[arg(long, value_name = "ACCOUNTS", requires = "wave_by")]
    pub(crate) canary: Option<u32>,
    /// Pause when more than this share of a wave has failed or could not be told; resuming goes on with the next wave.
    #[arg(long, value_name = "PERCENT", requires = "wave_by")]
    pub(crate) halt_above: Option<u32>,
}

/// Accounts that are otherwise never reset.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which accounts")]
pub(crate) struct Exceptions {
    /// Confirm that your own account is reset as well.
    #[arg(long)]
    pub(crate) confirm_requester: bool,
    /// Confirm that protected accounts (break-glass, service) are reset as well.
    #[arg(long)]
    pub(crate) confirm_protected: bool,
}

/// The new passwords, and who is told.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// The shape of generated passwords; by-grade without a word.
    #[arg(long, value_parser = words::format(), help_heading = "The new passwords")]
    pub(crate) format: Option<Format>,
    /// The language of their words; as configured without a word.
    #[arg(long, value_parser = words::language(), help_heading = "The new passwords")]
    pub(crate) language: Option<Language>,
    /// Which rules the passwords obey; standard without a word (`keybell formats` shows what that means).
    #[arg(long, value_parser = words::policy(), help_heading = "The new passwords")]
    pub(crate) policy: Option<PolicyName>,
    /// One password for all, read from a file; never from a flag, which others can see. When its first line is blank, each
    /// account gets a generated one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "language"], help_heading = "The new passwords")]
    pub(crate) shared_password_file: Option<PathBuf>,
    /// Confirm a shared password for more accounts than the limit (25).
    #[arg(long, requires = "shared_password_file", help_heading = "The new passwords")]
    pub(crate) acknowledge_shared: bool,
    /// The new passwords need not be changed at the first sign-in and do not expire.
    #[arg(long, help_heading = "The new passwords")]
    pub(crate) permanent: bool,
    /// In this grade they are permanent all the same; may be repeated.
    #[arg(long, value_name = "GRADE", conflicts_with = "permanent", help_heading = "The new passwords")]
    pub(crate) permanent_grade: Vec<String>,
    /// After how many hours a temporary password expires; 168 without a word.
    #[arg(long, value_name = "HOURS", help_heading = "The new passwords")]
    pub(crate) expires_in_hours: Option<u32>,
    /// Have applications clear the accounts' security questions, too.
    #[arg(long, help_heading = "The new passwords")]
    pub(crate) clear_security_questions: bool,
    /// Whether people are told; auto: generated passwords are sent, a shared one is not.
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

/// `keybell formats`.
#[derive(Debug, Args)]
pub(crate) struct Formats {
    /// Under this policy.
    #[arg(long, value_parser = words::policy(), default_value = "standard")]
    pub(crate) policy: PolicyName,
    /// With words of this language.
    #[arg(long, value_parser = words::language(), default_value = "en")]
    pub(crate) language: Language,
}
