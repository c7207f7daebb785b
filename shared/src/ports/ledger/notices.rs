//! Telling people.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerResult;
use crate::clock::Millis;
use crate::ids::{AccountId, AttemptId, DistrictId, NotificationId, TaskId};
use crate::message::Message;
use crate::notice::Channel;
use crate::request::Delivery;
use crate::seal::Sealed;

/// A claimed notification: this worker alone may send it until the lease ends.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The notification.
    pub notification: NotificationId,
    /// Its task.
    pub task: TaskId,
    /// Its district.
    pub district: DistrictId,
    /// The account it tells about.
    pub account: AccountId,
    /// The fence of this claim; a result with an older one is refused.
    pub fence: i64,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// Whether it goes to a guardian.
    pub guardian: bool,
    /// The stable message id: duplicates after a crash carry the same one.
    pub message_id: String,
    /// The district's short name.
    pub slug: String,
    /// The sealed password or seed of links, and the attempt it is bound to; `None` when it was already swept.
    pub sealed: Option<(Sealed, AttemptId)>,
    /// What the message says.
    pub content: Content,
}

/// What a message says, besides the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The district's name.
    pub district: String,
    /// The school's name, if the account has one.
    pub school: Option<String>,
    /// The person's given name.
    pub given_name: String,
    /// The person's family name.
    pub family_name: String,
    /// The username.
    pub username: String,
    /// The number of the account's reset, so that older messages can be ignored.
    pub issue: i64,
    /// When the password was changed.
    pub changed_at: Option<Millis>,
    /// When it expires, if it does.
    pub expires_at: Option<Millis>,
    /// Whether it must be changed at the first sign-in.
    pub temporary: bool,
    /// What is told: the password, or a one-time link.
    pub delivery: Delivery,
    /// For a link: whether the present password goes on working until one is chosen.
    pub keeps: bool,
}

/// What became of a claim.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// It is ours: send.
    Send(Box<Claim>),
    /// Nothing to send: it has ended, is superseded, expired, not due yet, or another one to the same account and
    /// channel is being sent (it will be made due by that one's result).
    Nothing(NotificationId),
}

/// How sending went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The server or provider took it.
    Accepted,
    /// A temporary answer about this recipient, or no answer after the message was handed over: try again after the
    /// delay, if attempts are left.
    Temporary {
        /// The wait before the next attempt.
        retry_in: Duration,
    },
    /// A permanent answer: never again.
    Permanent,
    /// The channel is down (connection refused, bad credentials, told to slow down): nobody's attempt is consumed.
    ChannelDown {
        /// The wait before it is due again.
        retry_in: Duration,
    },
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReport {
    /// The notification.
    pub notification: NotificationId,
    /// Its account: results are stored under the account's lock.
    pub account: AccountId,
    /// The fence of the claim.
    pub fence: i64,
    /// How it went.
    pub outcome: SendOutcome,
    /// What the server or provider said, without any secret, at most 200 characters.
    pub detail: String,
}

/// What the notification stages ask of the ledger.
#[async_trait]
pub trait NoticeLedger: Send + Sync {
    /// Claims notifications for `lease`, under their accounts' locks. Answers for each id, in any order.
    ///
    /// A notification of an older credential version ends `superseded`, as does one whose link is gone; one whose password
    /// has expired ends `expired`, unless it brings a link. A link is good from its claim on, and a retry extends it. While another one of the same account and channel is being sent it waits.
    async fn claim(
        &self,
        writer: &str,
        notifications: &[NotificationId],
        lease: Duration,
    ) -> LedgerResult<Vec<Claimed>>;

    /// Stores results under the accounts' locks, each only if its fence still holds; the last result of an item
    /// settles it, and a cascade's next step is inserted in the same transaction. Answers the messages that are due
    /// now because of it.
    async fn record(&self, writer: &str, reports: &[SendReport]) -> LedgerResult<Vec<Message>>;

    /// Makes waiting notifications due after a while, without consuming anything: their channel is down.
    async fn defer(&self, notifications: &[NotificationId], wait: Duration) -> LedgerResult<()>;
}
