//! Plans: what a request would do, written down and frozen, so that exactly that can be started later.

use std::time::Duration;

use async_trait::async_trait;

use super::{Acceptance, LedgerResult, NewTask, Preview};
use crate::actor::{Actor, Role};
use crate::clock::Millis;
use crate::codes::Code;
use crate::ids::{AccountId, DistrictId, PlanId, TaskId};
use crate::request::ResetRequest;

/// How many accounts of a difference are named.
pub const MAX_DIFFERENCES: u32 = 20;

/// The unused plans that one caller may have at a time: an older one expires when another is made.
pub const MAX_PLANS: u32 = 10;

/// The fewest accounts whose reset says how fast the fleet is.
pub const MEASURABLE: u64 = 100;

/// A checked request whose people are to be written down.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The id it will have.
    pub id: PlanId,
    /// Who asks.
    pub actor: Actor,
    /// Whose plan it is: what an idempotency key of the same caller would count under.
    pub producer: String,
    /// The request; a shared password is not in it any more.
    pub request: ResetRequest,
    /// For `selected` and `all_except`: the named accounts, resolved.
    pub named: Vec<AccountId>,
    /// How long it may be started.
    pub keep: Duration,
}

/// A plan as it is shown.
#[derive(Clone, Debug)]
pub struct PlanView {
    /// Its id.
    pub id: PlanId,
    /// Who asked.
    pub requester: String,
    /// Whose plan it is, see [`NewPlan::producer`].
    pub producer: String,
    /// In which role they asked.
    pub role: Role,
    /// As which person.
    pub person: Option<AccountId>,
    /// What was asked, without any password and without the named accounts.
    pub request: ResetRequest,
    /// Whom it means, by what would happen to them.
    pub people: Preview,
    /// Of the eligible: how many nobody could be told about. 0 where nobody is to be told.
    pub unreachable: u64,
    /// SHA-256, in hexadecimal, over the accounts and everything that decides what happens to them.
    pub digest: String,
    /// The task that it became.
    pub task: Option<TaskId>,
    /// When it was made.
    pub created_at: Millis,
    /// Until when it may be started.
    pub expires_at: Millis,
    /// Whether that is over.
    pub expired: bool,
}

/// What a plan says of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem {
    /// The account.
    pub account: AccountId,
    /// Its username.
    pub username: String,
    /// The given name.
    pub given_name: String,
    /// The family name.
    pub family_name: String,
    /// What would happen to it.
    pub fate: Fate,
    /// Why, where it would be skipped.
    pub code: Option<Code>,
}

/// What would happen to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It would be reset, and somebody told if anybody is to be.
    Reset,
    /// It would be reset, and nobody could be told.
    Unreachable,
    /// It would be left as it is.
    Skipped,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reset, Self::Unreachable, Self::Skipped];

    /// The word that is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Skipped => "skipped",
        }
    }
}

/// The filter of a plan's accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanFilter {
    /// Only accounts with this fate.
    pub fate: Option<Fate>,
    /// Only accounts after this one.
    pub after: Option<AccountId>,
}

/// How the people of today differ from those of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// They are meant now and were not then.
    pub joined: u64,
    /// They were meant then and are not now.
    pub left: u64,
    /// Whether they would be reset is not as it was, or not for the same reason.
    pub eligibility: u64,
    /// They would be told elsewhere than then.
    pub contact: u64,
    /// Their role, grade or school is another one, or their password was changed meanwhile.
    pub changed: u64,
    /// The first of them by their usernames, each with the word for what is different.
    pub first: Vec<(String, String)>,
}

impl Difference {
    /// How many accounts differ.
    #[must_use]
    pub const fn accounts(&self) -> u64 {
        self.joined + self.left + self.eligibility + self.contact + self.changed
    }
}

/// The answer to starting a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// As for any request.
    Answered(Acceptance),
    /// The people are no longer those of the plan; nothing was started.
    Changed(Difference),
    /// The plan has been started before, as this task.
    Used(TaskId),
    /// The plan is too old.
    Expired,
    /// There is no such plan (any more).
    Gone,
}

/// How fast the fleet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The task that was measured.
    pub task: TaskId,
    /// How many accounts were reset.
    pub accounts: u64,
    /// How long it took, from the first to the end of the task.
    pub took: Duration,
    /// When it ended.
    pub ended_at: Millis,
}

impl Measured {
    /// Accounts in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of accounts are far below 2^52")]
    pub fn per_second(&self) -> f64 {
        self.accounts as f64 / self.took.as_secs_f64().max(0.001)
    }
}

/// What plans ask of the ledger.
#[async_trait]
pub trait PlanLedger: Send + Sync {
    /// Writes down whom a request means, what would happen to each, and a digest of all that; nobody's password changes.
    /// All of it is one moment's truth. `None` when the request means nobody; then nothing is written. Unused plans of the
    /// same caller beyond [`MAX_PLANS`] expire.
    async fn make_plan(&self, plan: NewPlan) -> LedgerResult<Option<PlanView>>;

    /// One plan of a district.
    async fn plan(&self, district: DistrictId, plan: PlanId) -> LedgerResult<Option<PlanView>>;

    /// The plan's accounts in the order of their ids, at most `limit`.
    async fn plan_items(
        &self,
        district: DistrictId,
        plan: PlanId,
        filter: PlanFilter,
        limit: u32,
    ) -> LedgerResult<Vec<PlanItem>>;

    /// Accepts a plan as a task, in one transaction, if its people are as they were: their eligibility, what decides it,
    /// and where they would be told. The task's accounts are the plan's; nobody joins them. A plan is accepted once. Of
    /// `task`, the named accounts are not looked at.
    async fn apply_plan(&self, task: NewTask, plan: PlanId) -> LedgerResult<Applied>;

    /// The fastest of the last tasks of at least [`MEASURABLE`] resets whose people were (not) told, as `told` says: a
    /// pause or a re-send makes a task look slower, and nothing makes it look faster. `None` when nothing was measured.
    async fn measured(&self, told: bool) -> LedgerResult<Option<Measured>>;

    /// Forgets expired plans, at most `limit` rows. A plan whose task is still being written down stays. Answers how many
    /// rows went; 0 when nothing is left.
    async fn sweep_plans(&self, limit: u32) -> LedgerResult<u64>;
}
