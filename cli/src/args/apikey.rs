//! `keybell apikey`.

use clap::Subcommand;
use keybell_shared::actor::Role;
use keybell_shared::ids::ApiKeyId;

use super::{District, words};

#[derive(Debug, Subcommand)]
pub(crate) enum Apikey {
    /// Make a key; it is shown once.
    Create {
        #[command(flatten)]
        district: District,
        /// A name for people.
        #[arg(long)]
        name: String,
        /// What its holder is.
        #[arg(long, value_parser = words::role())]
        role: Role,
        /// The username of the person behind it: for principal and teacher, and for administrators where a second person
        /// approves.
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
