//! Looking at tasks, closing them, and controlling them.

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;
use crate::clock::Millis;
use crate::codes::Code;
use crate::ids::{AccountId, DistrictId, ItemId, PlanId, TaskId};
use crate::progress::Snapshot;
use crate::request::ResetRequest;
use crate::states::{ItemState, TaskState};

/// A task as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// Its number in the order of acceptance.
    pub seq: i64,
    /// Its district.
    pub district: DistrictId,
    /// Who asked.
    pub requester: String,
    /// What was asked, without any password.
    pub request: ResetRequest,
    /// How far it is, straight from the ledger.
    pub progress: Snapshot,
    /// SHA-256 over the frozen set of accounts, in hexadecimal, once it is expanded.
    pub digest: Option<String>,
    /// The task whose items this one takes up again, if it is a re-issue.
    pub parent: Option<TaskId>,
    /// Whether a task that has not begun will be paused instead of running: when its accounts are written down, and
    /// approved where that is needed.
    pub held: bool,
    /// The plan that it was started from.
    pub plan: Option<PlanId>,
    /// Who approved its accounts, where that was needed.
    pub approved_by: Option<String>,
    /// When its first password may change, where the request says so.
    pub starts_at: Option<Millis>,
    /// The wave whose turn it is, in a task with waves whose accounts are written down.
    pub wave: Option<WaveView>,
    /// Why the task was paused by itself, as long as it is.
    pub halted: Option<String>,
}

/// The wave whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaveView {
    /// Its number, from 1 on.
    pub current: i64,
    /// How many waves the task has.
    pub of: i64,
    /// What it is called: `canary`, or a school or grade.
    pub label: String,
}

/// Where a task stands after it was controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its state.
    pub state: TaskState,
    /// See [`TaskView::held`].
    pub held: bool,
}

/// Items of one task that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Those in one of these states.
    States(Vec<ItemState>),
    /// Those of these accounts.
    Accounts(Vec<AccountId>),
}

/// What a re-send did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resent {
    /// The task's state afterwards: telling goes on, so an ended task runs again.
    pub state: TaskState,
    /// How many items are being told again.
    pub again: u64,
    /// How many of the chosen items were left as they are, by the reason.
    pub left: Vec<(Code, u64)>,
}

/// One account's outcome, as a report shows it. Never a password, never an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportRow {
    /// The item; reports are read in the order of these.
    pub item: ItemId,
    /// The account's username.
    pub username: String,
    /// The id that the roster gave the person.
    pub source_id: String,
    /// The given name.
    pub given_name: String,
    /// The family name.
    pub family_name: String,
    /// The roster role.
    pub role: String,
    /// The grade, if there is one.
    pub grade: Option<String>,
    /// The school's name, if there is one.
    pub school: Option<String>,
    /// Where the item stands.
    pub state: ItemState,
    /// Why.
    pub code: Option<Code>,
    /// When the item last changed.
    pub changed_at: Millis,
    /// How many messages about it were accepted for delivery.
    pub told: u32,
    /// How many attempts to send were made, over all its messages.
    pub attempts: u32,
}

/// An item as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemView {
    /// Its id.
    pub id: ItemId,
    /// Its account.
    pub account: AccountId,
    /// The account's username.
    pub username: String,
    /// Where it stands.
    pub state: ItemState,
    /// Why.
    pub code: Option<Code>,
    /// What the code means.
    pub meaning: Option<&'static str>,
    /// When it last changed.
    pub changed_at: Millis,
}

/// How many items of a task stand in one state with one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// The state.
    pub state: ItemState,
    /// The code, where the state has one.
    pub code: Option<Code>,
    /// How many.
    pub items: u64,
}

/// The filter of an item list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemFilter {
    /// Only items in this state.
    pub state: Option<ItemState>,
    /// Only items after this one.
    pub after: Option<ItemId>,
    /// Only items whose account no newer task has reset since: what an older one left undone there is history. Looked
    /// at by reports only.
    pub current: bool,
}

/// A task that the finisher closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The task.
    pub task: TaskId,
    /// How it ended.
    pub state: TaskState,
    /// When the counters did not add up to the items: what was counted, in words. An error, loudly.
    pub mismatch: Option<String>,
}

/// What readers, the projector and the finisher ask of the ledger.
#[async_trait]
pub trait TaskLedger: Send + Sync {
    /// One task of a district.
    async fn task(&self, district: DistrictId, task: TaskId) -> LedgerResult<Option<TaskView>>;

    /// The district's tasks, the newest first, before `before` (a `seq`), at most `limit`. With `requester`, only those
    /// of one key or producer.
    async fn tasks(
        &self,
        district: DistrictId,
        requester: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> LedgerResult<Vec<TaskView>>;

    /// The task's items in id order, at most `limit`.
    async fn items(
        &self,
        district: DistrictId,
        task: TaskId,
        filter: ItemFilter,
        limit: u32,
    ) -> LedgerResult<Vec<ItemView>>;

    /// How many items of the task stand in which state with which code.
    async fn codes(&self, district: DistrictId, task: TaskId) -> LedgerResult<Vec<CodeCount>> {
        let mut counted: Vec<CodeCount> = Vec::new();
        let mut filter = ItemFilter::default();
        loop {
            let page = self.items(district, task, filter, 1_000).await?;
            for item in &page {
                let known = counted.iter_mut().find(|count| (count.state, count.code) == (item.state, item.code));
                match known {
                    Some(count) => count.items += 1,
                    None => counted.push(CodeCount { state: item.state, code: item.code, items: 1 }),
                }
            }
            match page.last() {
                Some(last) => filter.after = Some(last.id),
                None => return Ok(counted),
            }
        }
    }

    /// Snapshots of all tasks that are not final, and of those that became final within the last minute.
    async fn snapshots(&self) -> LedgerResult<Vec<Snapshot>>;

    /// Closes running or paused tasks without an open item, at most `limit`, and recounts them.
    async fn finish(&self, limit: u32) -> LedgerResult<Vec<Closed>>;

    /// The task's outcomes in the order of its items, at most `limit`.
    async fn report(
        &self,
        district: DistrictId,
        task: TaskId,
        filter: ItemFilter,
        limit: u32,
    ) -> LedgerResult<Vec<ReportRow>>;

    /// `running → paused`; a task that is expanding or awaits an approval is held, so that it is paused when it would
    /// begin. Answers where it stands afterwards; `None` when there is no such task.
    async fn pause(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<Standing>>;

    /// `paused → running`; a task that has not begun is no longer held. Nothing is approved by it. Answers where it stands afterwards.
    async fn resume(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<Standing>>;

    /// Tells the chosen items' people again, from the passwords that are still sealed: `undelivered → reset`, with new
    /// notifications to the contacts of today, and an ended task runs (or is cancelling) again until they are told. An
    /// item is left as it is, and counted, when nothing could be sent: `S06` its account has a newer password, `N08` its
    /// sealed password has expired or is gone, `N02` nobody can be reached. Other items than undelivered ones are not
    /// looked at. Repeating the call changes nothing more. `None` when there is no such task.
    async fn resend(
        &self,
        writer: &str,
        district: DistrictId,
        task: TaskId,
        by: &str,
        chosen: &Chosen,
    ) -> LedgerResult<Option<Resent>>;

    /// Cancels: when this answers, no further password of the task changes. Answers the state afterwards.
    async fn cancel(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<TaskState>>;
}
