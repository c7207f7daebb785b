//! The life of a task.

use super::state_words;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskState {
    /// Accepted; its accounts are being written down as items.
    Expanding,
    /// Its accounts are written down, and a second person must approve them before anything is dispatched.
    AwaitingApproval,
    /// Its items are dispatched, reset and told.
    Running,
    /// No item is dispatched; passwords that were already changed are still told.
    Paused,
    /// A cancel was asked for; open items are being closed.
    Cancelling,
    /// Every item ended, none failed and nobody was left untold.
    Completed,
    /// Every item ended, but some failed or some people could not be told.
    CompletedWithErrors,
    /// Cancelled: nothing of it changes any more.
    Cancelled,
    /// It could not be expanded; nothing was changed.
    Failed,
}

state_words!(TaskState, "task", {
    Expanding => "expanding",
    AwaitingApproval => "awaiting_approval",
    Running => "running",
    Paused => "paused",
    Cancelling => "cancelling",
    Completed => "completed",
    CompletedWithErrors => "completed_with_errors",
    Cancelled => "cancelled",
    Failed => "failed",
});

impl TaskState {
    /// Whether nothing of the task can change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithErrors | Self::Cancelled | Self::Failed)
    }

    /// Whether the task has not begun: a pause of such a task is a hold, noted for when it would begin.
    #[must_use]
    pub const fn is_before_the_start(self) -> bool {
        matches!(self, Self::Expanding | Self::AwaitingApproval)
    }

    /// Whether the edge from `self` to `next` exists.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Expanding => {
                matches!(next, Self::AwaitingApproval | Self::Running | Self::Paused | Self::Cancelling | Self::Failed)
            }
            // A task that was held meanwhile is paused when it is approved; nothing else leads past the approval.
            Self::AwaitingApproval => matches!(next, Self::Running | Self::Paused | Self::Cancelling),
            Self::Running => {
                matches!(next, Self::Paused | Self::Cancelling | Self::Completed | Self::CompletedWithErrors)
            }
            Self::Paused => {
                matches!(next, Self::Running | Self::Cancelling | Self::Completed | Self::CompletedWithErrors)
            }
            Self::Cancelling => matches!(next, Self::Cancelled),
            // A re-send tells people of an ended task again.
            Self::CompletedWithErrors => matches!(next, Self::Running),
            Self::Cancelled => matches!(next, Self::Cancelling),
            Self::Completed | Self::Failed => false,
        }
    }
}
