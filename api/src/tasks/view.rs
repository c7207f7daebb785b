//! Tasks and items as version 1 of the API writes them. This shape is a promise to callers: fields are added, never
//! renamed or removed.

use keybell_scheduler::intake::Waits as Known;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::config::Window;
use keybell_shared::ids::{AccountId, ItemId, PlanId, TaskId};
use keybell_shared::ports::ledger::{ItemView, TaskView, WaveView};
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::request::{Reason, ResetRequest};
use keybell_shared::states::{ItemState, TaskState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::waits::Waits;

/// A task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Task {
    id: TaskId,
    state: TaskState,
    /// Whether a task that has not begun will be paused when it would.
    held: bool,
    /// The task whose items this one takes up again, if it is a re-issue.
    #[schema(required = true)]
    parent: Option<TaskId>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    accepted_at: String,
    /// RFC 3339, UTC; `null` until it ends.
    #[schema(required = true, format = DateTime)]
    finished_at: Option<String>,
    /// Who asked: the name of a key or producer.
    requester: String,
    reason: Reason,
    /// Whether the new passwords must be changed at the first sign-in; not in the grades that the request calls permanent.
    temporary: bool,
    /// After how many hours, counted from each reset, a temporary password expires; `null` when they are permanent.
    #[schema(required = true, minimum = 1)]
    expires_in_hours: Option<u32>,
    /// As it was asked, without any password.
    request: ResetRequest,
    progress: Progress,
    /// SHA-256 over the frozen set of accounts, once it is known.
    #[schema(required = true, pattern = "^[0-9a-f]{64}$")]
    digest: Option<String>,
    /// The plan that it was started from.
    #[schema(required = true)]
    plan: Option<PlanId>,
    /// Who approved its accounts, where that was needed.
    #[schema(required = true)]
    approved_by: Option<String>,
    /// When its first password may change, where the request says so. RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    starts_at: Option<String>,
    /// What it waits for, where it is not a person.
    #[schema(required = true)]
    waits: Option<Waits>,
    /// The wave whose turn it is, in a task with waves whose accounts are written down.
    #[schema(required = true)]
    wave: Option<Wave>,
    /// Why the task was paused by itself; to resume it is to go on with the next wave.
    #[schema(required = true)]
    halted: Option<String>,
}

/// A wave of a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Wave {
    /// Its number, from 1 on.
    #[schema(minimum = 1)]
    current: i64,
    /// How many waves the task has.
    #[schema(minimum = 1)]
    of: i64,
    /// What it is called: `canary`, or a school or grade.
    label: String,
}

impl Task {
    /// The task, in a district with these blackout windows.
    pub(crate) fn of(view: TaskView, windows: &[Window]) -> Self {
        let waits = waiting(&view, windows).map(Waits::from);
        Self {
            starts_at: view.starts_at.map(Millis::rfc3339),
            waits,
            wave: view.wave.map(|WaveView { current, of, label }| Wave { current, of, label }),
            halted: view.halted,
            id: view.id,
            state: view.progress.state,
            held: view.held,
            parent: view.parent,
            accepted_at: view.progress.accepted_at.rfc3339(),
            finished_at: view.progress.finished_at.map(Millis::rfc3339),
            requester: view.requester,
            reason: view.request.reason,
            temporary: view.request.is_temporary(),
            expires_in_hours: view.request.expiry_hours(),
            request: view.request,
            progress: Progress::from(view.progress.counts),
            digest: view.digest,
            plan: view.plan,
            approved_by: view.approved_by,
        }
    }
}

/// What a task with passwords to change waits for.
pub(crate) fn waiting(view: &TaskView, windows: &[Window]) -> Option<Known> {
    let progress = &view.progress;
    let goes_on = match progress.state {
        TaskState::Expanding => true,
        TaskState::AwaitingApproval | TaskState::Running | TaskState::Paused => progress.counts.open > 0,
        TaskState::Cancelling
        | TaskState::Completed
        | TaskState::CompletedWithErrors
        | TaskState::Cancelled
        | TaskState::Failed => false,
    };
    let waits = || Known::of(view.starts_at, view.request.is_urgent(), windows, progress.counted_at);
    goes_on.then(waits).flatten()
}

/// How far a task is, in its two phases.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// All items; always the sum of the six numbers of `reset`.
    #[schema(minimum = 0)]
    total: i64,
    reset: ResetPhase,
    notify: NotifyPhase,
}

/// The first phase, over all items.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ResetPhase {
    /// Not decided yet.
    #[schema(minimum = 0)]
    pending: i64,
    /// The password was changed.
    #[schema(minimum = 0)]
    reset: i64,
    /// Left untouched by a rule.
    #[schema(minimum = 0)]
    skipped: i64,
    /// Left untouched by a cancel.
    #[schema(minimum = 0)]
    cancelled: i64,
    /// Left untouched because a newer task was faster.
    #[schema(minimum = 0)]
    superseded: i64,
    /// Could not be reset.
    #[schema(minimum = 0)]
    failed: i64,
}

/// The second phase, over the items whose password was changed.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NotifyPhase {
    /// Always the sum of the next four.
    #[schema(minimum = 0)]
    total: i64,
    /// Being told.
    #[schema(minimum = 0)]
    waiting: i64,
    /// Somebody was told.
    #[schema(minimum = 0)]
    notified: i64,
    /// Nobody was to be told.
    #[schema(minimum = 0)]
    silent: i64,
    /// Nobody could be told.
    #[schema(minimum = 0)]
    undelivered: i64,
    /// Retries so far; no part of the sum.
    #[schema(minimum = 0)]
    retries: i64,
}

impl From<Counts> for Progress {
    fn from(counts: Counts) -> Self {
        Self {
            total: counts.total(),
            reset: ResetPhase {
                pending: counts.open,
                reset: counts.changed(),
                skipped: counts.skipped,
                cancelled: counts.cancelled,
                superseded: counts.superseded,
                failed: counts.failed,
            },
            notify: NotifyPhase {
                total: counts.changed(),
                waiting: counts.telling,
                notified: counts.notified,
                silent: counts.silent,
                undelivered: counts.undelivered,
                retries: counts.retries,
            },
        }
    }
}

/// One event of a task's stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskEvent {
    task: TaskId,
    state: TaskState,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    accepted_at: String,
    /// RFC 3339, UTC; `null` until it ends.
    #[schema(required = true, format = DateTime)]
    finished_at: Option<String>,
    /// When this was counted.
    #[schema(format = DateTime)]
    counted_at: String,
    progress: Progress,
}

impl From<&Snapshot> for TaskEvent {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            task: snapshot.task,
            state: snapshot.state,
            accepted_at: snapshot.accepted_at.rfc3339(),
            finished_at: snapshot.finished_at.map(Millis::rfc3339),
            counted_at: snapshot.counted_at.rfc3339(),
            progress: Progress::from(snapshot.counts),
        }
    }
}

/// An item.
#[derive(Serialize, ToSchema)]
pub(crate) struct Item {
    id: ItemId,
    account: AccountId,
    /// The account's username.
    username: String,
    state: ItemState,
    /// A code of the legend.
    #[schema(required = true)]
    code: Option<Code>,
    /// What the code means.
    #[schema(required = true)]
    meaning: Option<&'static str>,
    /// When it last changed. RFC 3339, UTC.
    #[schema(format = DateTime)]
    changed_at: String,
}

impl From<ItemView> for Item {
    fn from(view: ItemView) -> Self {
        Self {
            id: view.id,
            account: view.account,
            username: view.username,
            state: view.state,
            code: view.code,
            meaning: view.code.map(Code::meaning),
            changed_at: view.changed_at.rfc3339(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_add_up_and_have_these_names() {
        let counts = Counts {
            open: 1,
            telling: 2,
            notified: 3,
            silent: 4,
            undelivered: 5,
            skipped: 6,
            cancelled: 7,
            superseded: 8,
            failed: 9,
            retries: 10,
        };
        assert_eq!(
            serde_json::to_value(Progress::from(counts)).expect("JSON"),
            serde_json::json!({
                "total": 45,
                "reset": {
                    "pending": 1, "reset": 14, "skipped": 6, "cancelled": 7, "superseded": 8, "failed": 9
                },
                "notify": {
                    "total": 14, "waiting": 2, "notified": 3, "silent": 4, "undelivered": 5, "retries": 10
                },
            })
        );
    }
}
