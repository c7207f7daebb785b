//! `keybell account`.

use clap::{Args, Subcommand};

use super::narrowed::Narrowed;
use super::{District, words};

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Look for accounts, with the filters of a reset.
    Search(Box<Search>),
    /// Leave an account out of every reset that does not confirm protected accounts.
    Protect(AccountOne),
    /// Take that back.
    Unprotect(AccountOne),
    /// Say that an outside identity provider manages an account, where the roster does not: it is never reset here.
    Manage(Manage),
    /// Take that back.
    Unmanage(AccountOne),
    /// Say that an account never registered a password: it is asked for one, but none is set.
    QuickLogin(AccountOne),
    /// Take that back.
    NormalLogin(AccountOne),
}

/// Whom to look for.
#[derive(Debug, Args)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) district: District,
    /// How the username or the family name begins.
    #[arg(value_name = "BEGINNING")]
    pub(crate) q: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// All of them.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Go on where another page ended.
    #[arg(long, value_name = "CURSOR", value_parser = words::cursor)]
    pub(crate) after: Option<String>,
    // Last, because its heading would hold for whatever follows.
    #[command(flatten)]
    pub(crate) narrowed: Narrowed,
}

/// One account and its provider.
#[derive(Debug, Args)]
pub(crate) struct Manage {
    #[command(flatten)]
    pub(crate) one: AccountOne,
    /// The provider, such as clever or classlink.
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) by: String,
}

/// One account.
#[derive(Debug, Args)]
pub(crate) struct AccountOne {
    #[command(flatten)]
    pub(crate) district: District,
    /// The account: username, account id or roster id.
    pub(crate) name: String,
}
