//! One-time links: who they are for, and the password that is chosen there.

use async_trait::async_trait;

use super::LedgerResult;
use crate::clock::Millis;
use crate::ids::{AccountId, DistrictId};
use crate::request::PolicyName;

/// Whom a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkHolder {
    /// The account.
    pub account: AccountId,
    /// Its district.
    pub district: DistrictId,
    /// The district's name.
    pub district_name: String,
    /// The username, as the roster writes it.
    pub username: String,
    /// The person's given name; may be empty.
    pub given_name: String,
    /// The hash of the present password, a PHC string, if there is one.
    pub password_hash: Option<String>,
    /// Names that a new password must not contain.
    pub forbidden: Vec<String>,
    /// The rules that the task's passwords obey.
    pub policy: PolicyName,
    /// Until when the link is good.
    pub valid_until: Millis,
}

/// What the pages behind one-time links ask of the ledger. Tokens are named by their hashes
/// ([`crate::link::hash`]) only.
#[async_trait]
pub trait LinkLedger: Send + Sync {
    /// Whom a link is for, if it is good now: sent, not expired, not used, made for the present password, and its account
    /// active and managed here. Changes nothing, however often it is asked.
    async fn link(&self, hash: &str) -> LedgerResult<Option<LinkHolder>>;

    /// Stores the password that the person chose, if the link is still good, in one transaction under the account's lock.
    /// As a change of the password by its owner, and all links of the account are gone; the item that the link belongs to
    /// ends with `N07`. Answers the new credential version; `None` when the link is no good any more: of two who redeem
    /// at once, one gets it.
    async fn redeem(
        &self,
        writer: &str,
        account: AccountId,
        hash: &str,
        password_hash: &str,
    ) -> LedgerResult<Option<i64>>;
}
