//! Looking for accounts, and what an administrator says of them.

use async_trait::async_trait;

use super::LedgerResult;
use crate::actor::Actor;
use crate::ids::AccountId;
use crate::request::Where;

/// Which accounts are looked for. Whatever is empty does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// As in a selection.
    pub narrowed: Where,
    /// How the username or the family name begins.
    pub begins: Option<String>,
    /// This account alone.
    pub only: Option<AccountId>,
}

/// An account as whoever looks for it sees it: no password, no contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// The account.
    pub id: AccountId,
    /// The roster's id.
    pub source_id: String,
    /// The sign-in name, as the roster writes it.
    pub username: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The most privileged role.
    pub role: String,
    /// The grade, in its normal form.
    pub grade: Option<String>,
    /// The year in which the person leaves school.
    pub graduation_year: Option<i32>,
    /// The name of the primary school.
    pub school: Option<String>,
    /// The outside identity provider that manages the account, if one does: as the roster says, else an administrator.
    pub managed_by: Option<String>,
    /// Whether it is active.
    pub active: bool,
    /// Whether it is protected: never reset unless that is confirmed.
    pub protected: bool,
    /// Whether it never registered a password.
    pub quick_login: bool,
}

/// A page of accounts, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<AccountView>,
    /// Where the next page goes on; `None` at the end. A page may be short, or empty, and not be the last one.
    pub next: Option<AccountId>,
}

/// What an administrator says of an account; `None` leaves it as it is. No roster import changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether it is protected.
    pub protected: Option<bool>,
    /// Whether it never registered a password.
    pub quick_login: Option<bool>,
    /// Which outside identity provider manages it, where the roster does not say so.
    pub managed: Option<Managed>,
}

/// Whether an outside identity provider manages an account, as an administrator says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Managed {
    /// This one does.
    By(String),
    /// The administrator's word is taken back.
    Unsaid,
}

/// What became of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// The account as it is now.
    Now(Box<AccountView>),
    /// Nothing changed: the roster says that this provider manages the account, and only the roster takes that back.
    ByRoster(String),
}

/// What the directory of accounts asks of the ledger.
#[async_trait]
pub trait DirectoryLedger: Send + Sync {
    /// The accounts that the actor may see and the filter lets through, after `after`. The work of one call is bounded,
    /// whatever the filter and however many accounts there are.
    async fn search(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u32,
    ) -> LedgerResult<AccountPage>;

    /// Marks an account of the actor's district, and writes what changed into the audit; all marks or none. `None` when
    /// there is no such account in it.
    async fn mark(&self, actor: &Actor, account: AccountId, marks: Marks) -> LedgerResult<Option<Marked>>;
}
