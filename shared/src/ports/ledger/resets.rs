//! Changing passwords.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;
use crate::codes::Code;
use crate::eligibility::Decision;
use crate::ids::{AccountId, AttemptId, DistrictId, ItemId, NotificationId, TaskId};
use crate::message::Message;
use crate::notice::Channel;
use crate::request::ResetRequest;
use crate::seal::Sealed;

/// What a worker needs to know to draw a password for an item. A hint: the commit decides.
#[derive(Clone, Debug)]
pub struct ResetJob {
    /// The item.
    pub item: ItemId,
    /// Its task.
    pub task: TaskId,
    /// Its district.
    pub district: DistrictId,
    /// Its account.
    pub account: AccountId,
    /// What would be decided now; anything but `Reset` needs no hash.
    pub decision: Decision,
    /// The task's request: password source, policy, notification rules.
    pub request: std::sync::Arc<ResetRequest>,
    /// The task's shared password, sealed to the reset workers.
    pub shared: Option<Sealed>,
    /// The password that was uploaded for the account, sealed to the reset workers.
    pub uploaded: Option<Sealed>,
    /// The account's grade.
    pub grade: Option<String>,
    /// The account's rank.
    pub rank: i32,
    /// Words that the password must not contain: username, school and district names.
    pub forbidden: Vec<String>,
    /// For a reset item: its notifications that still wait, so that a redelivery can publish them again.
    pub waiting: Vec<Message>,
}

/// A finished password, ready to be stored.
#[derive(Clone, Debug)]
pub struct ResetWrite {
    /// The item.
    pub item: ItemId,
    /// Its account.
    pub account: AccountId,
    /// This try; after a lost COMMIT answer it tells whose write the ledger has.
    pub attempt: AttemptId,
    /// The Argon2id hash as a PHC string; empty when the task sets no password.
    pub hash: String,
    /// The password, or the seed of the links, sealed to the notifiers and bound to district, account and attempt; absent
    /// when nobody is told.
    pub sealed: Option<Sealed>,
    /// For tasks that send one-time links: the hash of the token of each channel that may be used.
    pub links: Vec<(Channel, String)>,
    /// How long the password lives from now; `None` for a permanent one.
    pub expires_in: Option<Duration>,
    /// How long the sealed password is kept at most.
    pub seal_ttl: Duration,
}

/// What the ledger did with a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetOutcome {
    /// The password was changed, or its change asked for, by this write; these notifications wait to be published.
    Changed(Vec<Message>),
    /// It was not changed: the decision under the lock.
    NotChanged(Decision),
}

/// What the reset stage asks of the ledger.
#[async_trait]
pub trait ResetLedger: Send + Sync {
    /// Reads items with everything needed to draw their passwords, in one query. Unknown items are left out.
    async fn reset_jobs(&self, items: &[ItemId]) -> LedgerResult<Vec<ResetJob>>;

    /// `queued → pending` for items of paused tasks.
    async fn hold(&self, items: &[ItemId]) -> LedgerResult<()>;

    /// Decides and stores a group of resets in one transaction, under the accounts' locks: item states, hashes,
    /// credential versions, new usernames, sealed passwords, notifications, events, audit, counters. At most one write per
    /// account in a group. Answers for each item.
    ///
    /// A lost answer to COMMIT is found out by the attempt ids, never repeated blindly. A group that the database
    /// refuses is split and tried one by one; what is refused alone is left out of the answer.
    async fn commit_resets(&self, writer: &str, writes: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>>;

    /// Ends items that can never be reset (`failed`, with the code), if they are still open.
    async fn fail_items(&self, writer: &str, items: &[ItemId], code: Code) -> LedgerResult<()>;

    /// Takes back the note that these notifications were published: they could not be put on a queue.
    async fn unpublish(&self, notifications: &[NotificationId]) -> LedgerResult<()>;
}
