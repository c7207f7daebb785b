//! How far a task is: counts, phases, and the snapshot that the board shows.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::{DistrictId, TaskId};
use crate::states::{ItemState, TaskState};

/// How many items of a task stand where. Also used as a change of such counts, which may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pending or queued.
    pub open: i64,
    /// Reset, being told.
    pub telling: i64,
    /// Somebody was told.
    pub notified: i64,
    /// Nobody was to be told.
    pub silent: i64,
    /// Nobody could be told.
    pub undelivered: i64,
    /// Left untouched by a rule.
    pub skipped: i64,
    /// Left untouched by a cancel.
    pub cancelled: i64,
    /// Left untouched because a newer task was faster.
    pub superseded: i64,
    /// Could not be reset.
    pub failed: i64,
    /// Retries of notifications so far; not a part of any sum.
    pub retries: i64,
}

impl Counts {
    /// Notes that `n` items are (or, negative, are no longer) in `state`.
    pub const fn add(&mut self, state: ItemState, n: i64) {
        let field = match state {
            ItemState::Pending | ItemState::Queued => &mut self.open,
            ItemState::Reset => &mut self.telling,
            ItemState::Notified => &mut self.notified,
            ItemState::Silent => &mut self.silent,
            ItemState::Undelivered => &mut self.undelivered,
            ItemState::Skipped => &mut self.skipped,
            ItemState::Cancelled => &mut self.cancelled,
            ItemState::Superseded => &mut self.superseded,
            ItemState::Failed => &mut self.failed,
        };
        *field += n;
    }

    /// Notes that one item went from one state to another.
    pub const fn step(&mut self, from: ItemState, to: ItemState) {
        self.add(from, -1);
        self.add(to, 1);
    }

    /// All items.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.open + self.changed() + self.skipped + self.cancelled + self.superseded + self.failed
    }

    /// Items whose password was changed.
    #[must_use]
    pub const fn changed(&self) -> i64 {
        self.telling + self.notified + self.silent + self.undelivered
    }

    /// Items that are done with, in both phases.
    #[must_use]
    pub const fn settled(&self) -> i64 {
        self.total() - self.open - self.telling
    }
}

/// What the board shows of one task: absolute numbers with a version, so that a late writer can never set it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The task.
    pub task: TaskId,
    /// Its district.
    pub district: DistrictId,
    /// The ledger that was counted; changes when a ledger is restored.
    pub epoch: i64,
    /// Grows with every change of the task.
    pub version: i64,
    /// The task's state.
    pub state: TaskState,
    /// Where its items stand.
    pub counts: Counts,
    /// When it was accepted.
    pub accepted_at: Millis,
    /// When it ended.
    pub finished_at: Option<Millis>,
    /// When this was counted.
    pub counted_at: Millis,
}

impl Snapshot {
    /// Whether this snapshot is newer than `other`.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.epoch, self.version) > (other.epoch, other.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steps_keep_the_total(path in proptest::collection::vec(0_usize..ItemState::ALL.len(), 1..50)) {
            let mut counts = Counts::default();
            counts.add(ItemState::Pending, 10);
            let mut at = ItemState::Pending;
            for index in path {
                let next = ItemState::ALL[index];
                counts.step(at, next);
                at = next;
                prop_assert_eq!(counts.total(), 10);
            }
        }
    }
}
