//! Signing in, for upstream sign-in pages.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;
use crate::clock::Millis;
use crate::ids::{AccountId, DistrictId};
use crate::password::PolicyName;

/// What a sign-in check needs to know.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The account.
    pub account: AccountId,
    /// Its username, as the roster writes it.
    pub username: String,
    /// The stored hash, a PHC string, if it has a password.
    pub hash: Option<String>,
    /// Counts every change of the password.
    pub credential_version: i64,
    /// Whether the account is active and managed here.
    pub usable: bool,
    /// Whether the password must be changed.
    pub must_change: bool,
    /// Whether it has expired.
    pub expired: bool,
    /// When it expires, if it does.
    pub expires_at: Option<Millis>,
    /// Sessions that began before this moment have ended.
    pub sessions_valid_after: Option<Millis>,
    /// How much longer checks are refused after too many wrong ones.
    pub throttled_for: Option<Duration>,
    /// Names that a new password must not contain.
    pub forbidden: Vec<String>,
    /// The policy that the account's last reset was made under; a password that the person chooses obeys it, too.
    pub policy: PolicyName,
}

/// What the sign-in doors ask of the ledger.
#[async_trait]
pub trait AccountLedger: Send + Sync {
    /// Finds an account by username, without regard to case.
    async fn sign_in(&self, district: DistrictId, username: &str) -> LedgerResult<Option<SignIn>>;

    /// Counts a try before its password is looked at, so that no crowd of tries at the same time slips through; from the
    /// fifth in a row, each one makes the account wait longer (at most 15 minutes). Answers `false`, and counts nothing,
    /// while the account waits.
    async fn try_sign_in(&self, account: AccountId) -> LedgerResult<bool>;

    /// Notes a right password: the count of wrong ones starts anew.
    async fn sign_in_succeeded(&self, account: AccountId) -> LedgerResult<()>;

    /// Stores a password that the person chose, if the account still has `credential_version`; notifications about the
    /// older one end `superseded`. Answers whether it was stored.
    async fn change_password(
        &self,
        writer: &str,
        account: AccountId,
        credential_version: i64,
        hash: &str,
    ) -> LedgerResult<bool>;
}
