//! The model: what the ledger's transactions do (`backends/src/ledger/{decided,commit,claim,record,repair,control,approval}.rs`),
//! and what happens between them.
//!
//! A transaction is one step, because it decides and writes under the account's lock. What is left out, and why:
//! * **Queues.** A message may arrive at any time, as often as it likes, at any worker, or never. That is more than a
//!   broker can do wrong.
//! * **Passwords.** Each change draws a new one, so the credential version names it.
//! * **Clocks.** A lease ends at any moment, except while its notifier is within a dialogue: the notifier looks at its
//!   clock right before, and the dialogue's deadline fits into what is left. A process that is frozen within the dialogue
//!   breaks that ([`Protocol::frozen_in_dialogue`]). The scan that finds an ended lease comes at once: before it nobody
//!   else can claim, and whoever had the lease does the same before and after it.
//! * **The fence's number.** It grows with every claim, and a claim follows on the end of the lease before: that a lease
//!   has ended ([`Hold::over`]) says the same as a fence that is too small, and keeps the model finite.

use stateright::{Model, Property};

use super::properties;
use super::world::{Hold, Item, ItemState, NoticeState, Notifier, Outcome, Resetter, Task, World};

/// Attempts at one notification. The program makes four; two show the same and are faster to try out.
pub(crate) const ATTEMPTS: u8 = 2;

/// A mechanism of the protocol, to be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// A reset is decided by what stands in the ledger under the lock, not by what was read before the hash.
    CompareAndSet,
    /// An item of an older task does not touch what a newer one has changed.
    NewerWins,
    /// Nothing of a task that awaits an approval is reset.
    Approval,
    /// A cancel leaves alone who is already reset.
    CancelSparesNotices,
    /// A notification of an older credential version is not sent.
    VersionAtClaim,
    /// One message to an account is on its way at a time.
    OneSending,
    /// The lease is looked at right before the message leaves.
    LookAtLease,
    /// A result counts only for who still has the lease.
    Fence,
    /// An attempt whose lease has ended counts.
    ExpiryCounts,
    /// The scan that finds ended leases.
    Scan,
    /// Giving a notification up leaves alone what is on its way.
    GiveUpSparesSending,
}

/// The protocol, whole or with one mechanism missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Protocol {
    pub(crate) without: Option<Mechanism>,
    /// Whether a notifier may be frozen in the middle of a dialogue for longer than its lease: the one risk that remains.
    pub(crate) frozen_in_dialogue: bool,
}

/// The numbers are places: of a worker, of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Read(usize, usize),
    Commit(usize),
    CrashResetter(usize),
    Claim(usize, usize),
    Begin(usize),
    Arrive(usize),
    Answer(usize, Outcome),
    Record(usize),
    CrashNotifier(usize),
    EndLease(usize),
    GiveUp(usize),
    Approve(usize),
    Cancel(usize),
    CloseItems(usize),
    AnswerCancel(usize),
}

const OUTCOMES: [Outcome; 4] = [Outcome::Accepted, Outcome::Temporary, Outcome::Permanent, Outcome::ChannelDown];

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new()]
    }

    fn actions(&self, _: &World, steps: &mut Vec<Step>) {
        for one in 0..2 {
            steps.extend([Step::Read(one, 0), Step::Read(one, 1), Step::Commit(one), Step::CrashResetter(one)]);
            steps.extend([Step::Claim(one, 0), Step::Claim(one, 1), Step::Begin(one), Step::Arrive(one)]);
            steps.extend(OUTCOMES.map(|outcome| Step::Answer(one, outcome)));
            steps.extend([Step::Record(one), Step::CrashNotifier(one), Step::EndLease(one), Step::GiveUp(one)]);
            steps.extend([Step::Approve(one), Step::Cancel(one), Step::CloseItems(one), Step::AnswerCancel(one)]);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = *before;
        match step {
            Step::Read(worker, item) => world.read(worker, item, self.runs(before, item)),
            Step::Commit(worker) => self.commit(&mut world, worker),
            Step::CrashResetter(worker) => world.resetters[worker] = Resetter::Idle,
            Step::Claim(worker, notice) => self.claim(&mut world, worker, notice),
            Step::Begin(worker) => self.begin(&mut world, worker),
            Step::Arrive(worker) => world.arrive(worker),
            Step::Answer(worker, outcome) => world.answer(worker, outcome),
            Step::Record(worker) => self.record(&mut world, worker),
            Step::CrashNotifier(worker) => world.notifiers[worker] = Notifier::Idle,
            Step::EndLease(notice) => self.end_lease(&mut world, notice),
            Step::GiveUp(notice) => self.give_up(&mut world, notice),
            Step::Approve(task) => world.approve(task),
            Step::Cancel(task) => world.cancel(task),
            Step::CloseItems(task) => self.close_items(&mut world, task),
            Step::AnswerCancel(task) => world.answer_cancel(task),
        }
        // Two workers that change places are the same world.
        world.resetters.sort_unstable();
        world.notifiers.sort_unstable();
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }

    fn within_boundary(&self, world: &World) -> bool {
        // The whole protocol stays within it by itself; without its mechanisms it may run on for ever.
        world.version <= 3
    }
}

impl Protocol {
    fn has(self, mechanism: Mechanism) -> bool {
        self.without != Some(mechanism)
    }

    /// Whether the task's items may be reset.
    fn runs(self, world: &World, task: usize) -> bool {
        match world.tasks[task] {
            Task::Running => true,
            Task::Awaiting => !self.has(Mechanism::Approval),
            Task::Cancelling | Task::Cancelled => false,
        }
    }

    /// `commit.rs`, `decided.rs`.
    fn commit(self, world: &mut World, worker: usize) {
        let Resetter::Ready(item) = world.resetters[worker] else { return };
        world.resetters[worker] = Resetter::Idle;
        let open = world.items[item].state == ItemState::Open && self.runs(world, item);
        if self.has(Mechanism::CompareAndSet) && !open {
            return;
        }
        if world.last_reset > item + 1 {
            if self.has(Mechanism::NewerWins) {
                world.items[item].state = ItemState::Superseded;
                return;
            }
            world.overwritten = true;
        }
        world.after_cancel |= world.tasks[item] == Task::Cancelled;
        world.unapproved |= world.tasks[item] == Task::Awaiting;
        world.version += 1;
        world.last_reset = item + 1;
        let changes = world.items[item].changes + 1;
        world.items[item] = Item { state: ItemState::Reset, changes, version: world.version };
        world.notices[item].state = NoticeState::Waiting;
    }

    /// `claim.rs`.
    fn claim(self, world: &mut World, worker: usize, notice: usize) {
        if world.notifiers[worker] != Notifier::Idle || world.notices[notice].state != NoticeState::Waiting {
            return;
        }
        if self.has(Mechanism::VersionAtClaim) && world.items[notice].version != world.version {
            return world.end(notice, NoticeState::Superseded);
        }
        if self.has(Mechanism::OneSending) && world.notices.iter().any(|other| other.state == NoticeState::Sending) {
            return;
        }
        world.notices[notice].state = NoticeState::Sending;
        world.notices[notice].attempts += 1;
        world.notifiers[worker] = Notifier::Claimed(Hold { notice, over: false });
    }

    /// `worker/src/notify/handler.rs`: the last look at the clock, and the dialogue begins.
    fn begin(self, world: &mut World, worker: usize) {
        let Notifier::Claimed(hold) = world.notifiers[worker] else { return };
        let late = hold.over && self.has(Mechanism::LookAtLease);
        world.notifiers[worker] = if late { Notifier::Idle } else { Notifier::Dialogue(hold, false) };
    }

    /// `record.rs`.
    fn record(self, world: &mut World, worker: usize) {
        let Notifier::Finished(hold, outcome) = world.notifiers[worker] else { return };
        world.notifiers[worker] = Notifier::Idle;
        let late = hold.over && self.has(Mechanism::Fence);
        if late || world.notices[hold.notice].state != NoticeState::Sending {
            return;
        }
        match outcome {
            Outcome::Accepted => world.end(hold.notice, NoticeState::Accepted),
            Outcome::Permanent => world.end(hold.notice, NoticeState::Failed),
            Outcome::Temporary => world.again(hold.notice),
            Outcome::ChannelDown => {
                // Nobody's attempt is consumed.
                let notice = &mut world.notices[hold.notice];
                notice.attempts = notice.attempts.saturating_sub(1);
                notice.state = NoticeState::Waiting;
            }
        }
    }

    /// Time passes, and the scan of `repair.rs` comes by.
    fn end_lease(self, world: &mut World, notice: usize) {
        let within = |notifier: &Notifier| matches!(notifier, Notifier::Dialogue(hold, _) if hold.is_of(notice));
        if !self.has(Mechanism::Scan)
            || world.notices[notice].state != NoticeState::Sending
            || (!self.frozen_in_dialogue && world.notifiers.iter().any(within))
        {
            return;
        }
        for notifier in &mut world.notifiers {
            if let Notifier::Claimed(hold) | Notifier::Dialogue(hold, _) | Notifier::Finished(hold, _) = notifier
                && hold.notice == notice
            {
                hold.over = true;
            }
        }
        if self.has(Mechanism::ExpiryCounts) {
            world.again(notice);
        } else {
            world.notices[notice].attempts -= 1;
            world.notices[notice].state = NoticeState::Waiting;
        }
    }

    /// `repair.rs`: it was lost, or killed whoever had it, too often.
    fn give_up(self, world: &mut World, notice: usize) {
        let sending = world.notices[notice].state == NoticeState::Sending && !self.has(Mechanism::GiveUpSparesSending);
        if sending || world.notices[notice].state == NoticeState::Waiting {
            world.end(notice, NoticeState::Failed);
        }
    }

    /// `control.rs`: the open items of a task that is cancelled.
    fn close_items(self, world: &mut World, task: usize) {
        if world.tasks[task] != Task::Cancelling {
            return;
        }
        if world.items[task].state == ItemState::Open {
            world.items[task].state = ItemState::Cancelled;
        } else if !self.has(Mechanism::CancelSparesNotices) && world.notices[task].state == NoticeState::Waiting {
            world.notices[task].state = NoticeState::Superseded;
            world.items[task].state = ItemState::Cancelled;
        }
    }
}
