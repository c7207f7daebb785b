//! The life of an item: one account within one task.

use super::state_words;

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemState {
    /// Written down, not yet on the queue.
    Pending,
    /// Believed to be on the queue.
    Queued,
    /// The password was changed; its people are being told.
    Reset,
    /// Settled: somebody was told.
    Notified,
    /// Settled: nobody was to be told.
    Silent,
    /// Settled, loudly: the password was changed and nobody could be told.
    Undelivered,
    /// Left untouched by a rule; the code says which.
    Skipped,
    /// Left untouched because the task was cancelled.
    Cancelled,
    /// Left untouched because a newer task had already reset the account.
    Superseded,
    /// Could not be reset; the code says why. The old password still holds.
    Failed,
}

state_words!(ItemState, "item", {
    Pending => "pending",
    Queued => "queued",
    Reset => "reset",
    Notified => "notified",
    Silent => "silent",
    Undelivered => "undelivered",
    Skipped => "skipped",
    Cancelled => "cancelled",
    Superseded => "superseded",
    Failed => "failed",
});

impl ItemState {
    /// Whether the password may still be changed by this item.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Queued)
    }

    /// Whether the item has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Queued | Self::Reset)
    }

    /// Whether the edge from `self` to `next` exists.
    ///
    /// `pending → reset` exists beside `queued → reset`: a message may reach a worker before the scheduler's note that
    /// it was queued. A reset that nobody is to be told of, or that nobody can be told of, settles in the same
    /// transaction.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending | Self::Queued => !matches!(
                (self, next),
                (Self::Pending, Self::Pending) | (Self::Queued, Self::Queued) | (_, Self::Notified)
            ),
            Self::Reset => matches!(next, Self::Notified | Self::Silent | Self::Undelivered),
            // A re-send tries to tell its person again.
            Self::Undelivered => matches!(next, Self::Reset),
            Self::Notified | Self::Silent | Self::Skipped | Self::Cancelled | Self::Superseded | Self::Failed => false,
        }
    }
}
