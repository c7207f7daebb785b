//! Uploads: looking up the accounts that a file names.

use async_trait::async_trait;

use super::LedgerResult;
use crate::actor::Actor;
use crate::codes::Code;
use crate::ids::{AccountId, DistrictId};
use crate::notice::Ways;
use crate::seal::Sealed;

/// Whom a row means: by the account's id where it says one, else by the username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The account's id.
    pub account: Option<AccountId>,
    /// The username that it has.
    pub username: String,
}

/// An account that a row means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeantAccount {
    /// The account.
    pub id: AccountId,
    /// Its username.
    pub username: String,
    /// Why it would be left as it is, by the rules of every reset that sets a password; `None`: it would be reset.
    pub code: Option<Code>,
    /// Words that its password must not contain: username, school and district names.
    pub forbidden: Vec<String>,
    /// The version of its password.
    pub version: i64,
}

/// One account's part of an upload, ready to be stored.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The account.
    pub account: AccountId,
    /// Its new password, sealed to the reset workers and bound to district, task and account.
    pub sealed: Sealed,
    /// Its new username, where it changes.
    pub username: Option<String>,
}

/// What uploads ask of the ledger.
#[async_trait]
pub trait UploadLedger: Send + Sync {
    /// The accounts of the actor's district that rows mean, in the rows' order; `None` for nobody. A row that says an id
    /// and the username of somebody else means nobody. Protected accounts and the actor's own are never confirmed here. With
    /// `must_reach`, whom nobody can reach by these ways is left as they are.
    async fn meant(
        &self,
        actor: &Actor,
        rows: &[Meant],
        must_reach: Option<Ways>,
    ) -> LedgerResult<Vec<Option<MeantAccount>>>;

    /// Who has these names in the district: as the username, compared as sign-in compares them, or as the roster id, to the
    /// letter. Pairs of the username's key ([`crate::fold::username_key`]) and the account; a key may have two.
    async fn name_owners(&self, district: DistrictId, names: &[String]) -> LedgerResult<Vec<(String, AccountId)>>;
}
