//! The state of the model, and what happens in it whatever the mechanisms.

use super::protocol::ATTEMPTS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Its accounts are written down, and a second person must approve them.
    Awaiting,
    Running,
    /// Asked for, and the open items are being closed.
    Cancelling,
    /// The asker has the answer.
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ItemState {
    Open,
    Reset,
    Notified,
    Silent,
    Undelivered,
    Cancelled,
    Superseded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) state: ItemState,
    /// How often it changed the password.
    pub(crate) changes: u8,
    /// The credential version that it made, or 0.
    pub(crate) version: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NoticeState {
    /// The item is not reset.
    None,
    Waiting,
    Sending,
    Accepted,
    Failed,
    Superseded,
}

/// The one notification of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Notice {
    pub(crate) state: NoticeState,
    pub(crate) attempts: u8,
    /// How often it arrived.
    pub(crate) arrived: u8,
}

/// A reset worker: read an item, drew and hashed a password, and has not committed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resetter {
    Idle,
    Ready(usize),
}

/// What a notifier has claimed: the notification of which item, and whether the lease has ended meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hold {
    pub(crate) notice: usize,
    pub(crate) over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Notifier {
    Idle,
    Claimed(Hold),
    /// Talks to the mail server, which has the message or not.
    Dialogue(Hold, bool),
    /// Knows what came of it, and has not stored it.
    Finished(Hold, Outcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Accepted,
    /// Refused for now, or no answer.
    Temporary,
    Permanent,
    ChannelDown,
}

/// Everything: the ledger, the processes, and what the person saw. Item, task and notification have the same number; the
/// second task is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a promise of its own")]
pub(crate) struct World {
    pub(crate) version: u8,
    /// The number of the newest task that changed the password, from 1.
    pub(crate) last_reset: usize,
    pub(crate) tasks: [Task; 2],
    pub(crate) items: [Item; 2],
    pub(crate) notices: [Notice; 2],
    pub(crate) resetters: [Resetter; 2],
    pub(crate) notifiers: [Notifier; 2],
    /// The version that the last message told, or 0.
    pub(crate) told: u8,
    /// An older password arrived after a newer one.
    pub(crate) stale: bool,
    /// A task changed a password after its cancel was answered.
    pub(crate) after_cancel: bool,
    /// An older task's password replaced a newer one's.
    pub(crate) overwritten: bool,
    /// A task changed a password before it was approved.
    pub(crate) unapproved: bool,
}

impl Hold {
    /// Whether this is the claim that the ledger knows of.
    pub(crate) fn is_of(self, notice: usize) -> bool {
        self.notice == notice && !self.over
    }
}

impl World {
    /// Two tasks over one account, of which the newer one awaits an approval, and nothing has happened.
    pub(crate) fn new() -> Self {
        let item = Item { state: ItemState::Open, changes: 0, version: 0 };
        let notice = Notice { state: NoticeState::None, attempts: 0, arrived: 0 };
        Self {
            version: 0,
            last_reset: 0,
            tasks: [Task::Running, Task::Awaiting],
            items: [item; 2],
            notices: [notice; 2],
            resetters: [Resetter::Idle; 2],
            notifiers: [Notifier::Idle; 2],
            told: 0,
            stale: false,
            after_cancel: false,
            overwritten: false,
            unapproved: false,
        }
    }

    pub(crate) fn read(&mut self, worker: usize, item: usize, runs: bool) {
        if self.resetters[worker] == Resetter::Idle && self.items[item].state == ItemState::Open && runs {
            self.resetters[worker] = Resetter::Ready(item);
        }
    }

    /// The mail server takes the message; whether it says so is another matter.
    pub(crate) fn arrive(&mut self, worker: usize) {
        let Notifier::Dialogue(hold, false) = self.notifiers[worker] else { return };
        self.notifiers[worker] = Notifier::Dialogue(hold, true);
        let version = self.items[hold.notice].version;
        self.stale |= version < self.told;
        self.told = version;
        let notice = &mut self.notices[hold.notice];
        notice.arrived = (notice.arrived + 1).min(ATTEMPTS + 1);
    }

    /// An answer, or none, which is temporary. Who took a message does not refuse it, and who refuses it did not take it.
    pub(crate) fn answer(&mut self, worker: usize, outcome: Outcome) {
        let Notifier::Dialogue(hold, arrived) = self.notifiers[worker] else { return };
        let fits = match outcome {
            Outcome::Accepted => arrived,
            Outcome::Temporary => true,
            Outcome::Permanent | Outcome::ChannelDown => !arrived,
        };
        if fits {
            self.notifiers[worker] = Notifier::Finished(hold, outcome);
        }
    }

    /// The attempt counts.
    pub(crate) fn again(&mut self, notice: usize) {
        if self.notices[notice].attempts >= ATTEMPTS {
            self.end(notice, NoticeState::Failed);
        } else {
            self.notices[notice].state = NoticeState::Waiting;
        }
    }

    /// `settle.rs`: the end of a notification is the end of its item.
    pub(crate) fn end(&mut self, notice: usize, state: NoticeState) {
        self.notices[notice].state = state;
        let item = &mut self.items[notice];
        if item.state == ItemState::Reset {
            item.state = match state {
                NoticeState::Accepted => ItemState::Notified,
                NoticeState::Superseded => ItemState::Silent,
                NoticeState::Failed => ItemState::Undelivered,
                NoticeState::None | NoticeState::Waiting | NoticeState::Sending => return,
            };
        }
    }

    pub(crate) fn cancel(&mut self, task: usize) {
        // A task whose item has ended is closed.
        if matches!(self.tasks[task], Task::Awaiting | Task::Running)
            && matches!(self.items[task].state, ItemState::Open | ItemState::Reset)
        {
            self.tasks[task] = Task::Cancelling;
        }
    }

    /// `approval.rs`: exactly one of it and a cancel wins.
    pub(crate) fn approve(&mut self, task: usize) {
        if self.tasks[task] == Task::Awaiting {
            self.tasks[task] = Task::Running;
        }
    }

    pub(crate) fn answer_cancel(&mut self, task: usize) {
        if self.tasks[task] == Task::Cancelling && self.items[task].state != ItemState::Open {
            self.tasks[task] = Task::Cancelled;
        }
    }

    /// Whether every item has ended.
    pub(crate) fn is_quiet(&self) -> bool {
        self.items.iter().all(|item| !matches!(item.state, ItemState::Open | ItemState::Reset))
    }
}
