//! Looking at tasks, closing them, and controlling them.

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;
use crate::clock::Millis;
use crate::codes::Code;
use crate::ids::{AccountId, DistrictId, ItemId, TaskId};
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

    /// `running → paused`. Answers the state afterwards; `None` when there is no such task.
    async fn pause(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<TaskState>>;

    /// `paused → running`. Answers the state afterwards.
    async fn resume(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<TaskState>>;

    /// Cancels: when this answers, no further password of the task changes. Answers the state afterwards.
    async fn cancel(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<TaskState>>;
}
