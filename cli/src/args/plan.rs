//! `keybell plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keybell_shared::ids::PlanId;

use super::reset::Asked;
use super::{Confirmed, District, words};

/// Tries a reset out, as `keybell reset` would make it; or looks at such a trial, or starts it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Plan {
    #[command(subcommand)]
    pub(crate) action: Option<PlanAction>,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanAction {
    /// Show a plan: whom it means, which rules apply, how long it takes.
    Show(OnePlan),
    /// List a plan's people: who would be skipped and why, and who could not be told.
    Items {
        #[command(flatten)]
        one: OnePlan,
        /// Only those: reset, unreachable or skipped.
        #[arg(long, value_parser = ["reset", "unreachable", "skipped"])]
        fate: Option<String>,
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
    /// Start a plan: exactly its people, or nothing if they have changed.
    Apply(Box<Apply>),
}

/// One plan.
#[derive(Debug, Args)]
pub(crate) struct OnePlan {
    #[command(flatten)]
    pub(crate) district: District,
    /// The plan's id.
    pub(crate) plan: PlanId,
}

/// `keybell plan apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) one: OnePlan,
    /// The shared password of a plan that has one, read from a file once more: a plan does not keep it.
    #[arg(long, value_name = "FILE")]
    pub(crate) shared_password_file: Option<PathBuf>,
    /// Confirm a shared password for more than 25 accounts.
    #[arg(long, requires = "shared_password_file")]
    pub(crate) acknowledge_shared: bool,
    /// A key of your own; the same key and plan never start twice.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) confirmed: Confirmed,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) detach: bool,
}
