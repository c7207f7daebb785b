//! The life of a notification.

use super::state_words;

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotificationState {
    /// To be sent, now or when it is due.
    Waiting,
    /// Claimed by a notifier under a lease and a fence.
    Sending,
    /// The mail server or SMS provider took it.
    Accepted,
    /// Given up; the code says why.
    Failed,
    /// The password it tells expired before it could be told.
    Expired,
    /// The account's password was changed again before it could be told.
    Superseded,
}

state_words!(NotificationState, "notification", {
    Waiting => "waiting",
    Sending => "sending",
    Accepted => "accepted",
    Failed => "failed",
    Expired => "expired",
    Superseded => "superseded",
});

impl NotificationState {
    /// Whether it will never be sent again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Sending)
    }

    /// Whether the edge from `self` to `next` exists.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Sending | Self::Failed | Self::Expired | Self::Superseded),
            Self::Sending => {
                matches!(next, Self::Waiting | Self::Accepted | Self::Failed | Self::Expired | Self::Superseded)
            }
            Self::Accepted | Self::Failed | Self::Expired | Self::Superseded => false,
        }
    }
}
