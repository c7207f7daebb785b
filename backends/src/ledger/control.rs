//! Pausing, resuming, cancelling and closing tasks.

use keybell_shared::events::{Fact, TaskChanged};
use keybell_shared::fault::{self, Mechanism, Window};
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{Closed, Standing};
use keybell_shared::progress::Counts;
use keybell_shared::states::{ItemState, TaskState};

use super::SqlLedger;
use super::counters::{Deltas, counter_sums, counts};
use super::journal::{self, NewAudit, NewEvent};
use super::periodic;
use super::sql::{Failure, Row, Sql, Tx, args};
use super::uploaded::forget_all;

/// Items that one transaction of a cancel closes.
const BATCH: u32 = 2_000;

impl SqlLedger {
    /// Pauses a running task or lets a paused one run. One that has not begun is held, or no longer held, for when it
    /// would: nothing is approved by that. Whatever stands so already, or has ended, stays as it is.
    pub(super) async fn set_paused(
        &self,
        district: DistrictId,
        task: TaskId,
        paused: bool,
        by: &str,
    ) -> Sql<Option<Standing>> {
        let (from, to) =
            if paused { (TaskState::Running, TaskState::Paused) } else { (TaskState::Paused, TaskState::Running) };
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                let Some(row) = locked(&mut tx, district, task).await? else { return Ok(None) };
                let before = standing(&row)?;
                let after = if before.state == from {
                    enter(&mut tx, district, task, to, by).await?;
                    // Why it was halted is told until a person has decided about it.
                    tx.run("UPDATE tasks SET halted = NULL WHERE id = $1 AND halted IS NOT NULL", args![task]).await?;
                    Standing { state: to, held: false }
                } else if before.state.is_before_the_start() && before.held != paused {
                    hold(&mut tx, district, task, before.state, paused, by).await?;
                    Standing { held: paused, ..before }
                } else {
                    return Ok(Some(before));
                };
                tx.commit().await?;
                Ok(Some(after))
            })
            .await
    }

    /// Cancels: the task first, so that nothing new is dispatched or expanded, then its open items, batch by batch. A
    /// worker's commit and a batch compete for an item's lock, and exactly one of them wins.
    pub(super) async fn cancel_task(&self, district: DistrictId, task: TaskId, by: &str) -> Sql<Option<TaskState>> {
        let state = self
            .db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                let Some(row) = locked(&mut tx, district, task).await? else { return Ok(None) };
                let state: TaskState = row.word("state")?;
                if state == TaskState::Cancelled || !state.may_become(TaskState::Cancelling) {
                    return Ok(Some(state));
                }
                enter(&mut tx, district, task, TaskState::Cancelling, by).await?;
                tx.commit().await?;
                Ok(Some(TaskState::Cancelling))
            })
            .await?;
        if state != Some(TaskState::Cancelling) {
            return Ok(state);
        }
        fault::point(Window::CancelEntered).await;
        if fault::off(Mechanism::Cancel) {
            return Ok(state);
        }
        self.close_open_items(task).await?;
        let closed = self.db.retrying(|| self.close_task(task)).await?;
        Ok(Some(closed.map_or(TaskState::Cancelling, |closed| closed.state)))
    }

    /// Ends every open item of a task as cancelled, batch by batch, each state by its own part of an index. A note that an
    /// item was queued, or a worker that puts one back, may still be under way: what changes its state between the two
    /// is found by the last look.
    pub(super) async fn close_open_items(&self, task: TaskId) -> Sql<()> {
        loop {
            for state in [ItemState::Pending, ItemState::Queued] {
                while self.db.retrying(|| self.cancel_batch(task, state)).await? > 0 {}
            }
            let left = "SELECT 1 AS one FROM items WHERE task_id = $1 AND state IN ('pending', 'queued') LIMIT 1";
            if self.db.read_first(left, args![task]).await?.is_none() {
                return Ok(());
            }
        }
    }

    async fn cancel_batch(&self, task: TaskId, state: ItemState) -> Sql<usize> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .all(
                "UPDATE items SET state = 'cancelled', code = 'S08', changed_at = {now} WHERE id IN (
                     SELECT id FROM items WHERE task_id = $1 AND state = $3
                     ORDER BY id LIMIT $2 {lock}) AND state IN ('pending', 'queued')
                 RETURNING id",
                args![task, BATCH, state.as_str()],
            )
            .await?;
        let mut deltas = Deltas::default();
        let open = i64::try_from(rows.len()).unwrap_or_default();
        deltas.of(task).add(ItemState::Queued, -open);
        deltas.of(task).add(ItemState::Cancelled, open);
        deltas.store(&mut tx, "control").await?;
        tx.commit().await?;
        Ok(rows.len())
    }

    /// Closes every task that has no open item, and brings interrupted cancels to their end.
    pub(super) async fn finish_tasks(&self, limit: u32) -> Sql<Vec<Closed>> {
        let rows = self.db.read(periodic::CLOSABLE, args![limit]).await?;
        let mut closed = Vec::new();
        for row in &rows {
            let task: TaskId = row.get("id")?;
            if row.word::<TaskState>("state")? == TaskState::Cancelling && !fault::off(Mechanism::Cancel) {
                self.close_open_items(task).await?;
            }
            closed.extend(self.db.retrying(|| self.close_task(task)).await?);
        }
        Ok(closed)
    }

    /// Closes one task under its lock, if it has no open item, and recounts it.
    async fn close_task(&self, task: TaskId) -> Sql<Option<Closed>> {
        let mut tx = self.db.begin().await?;
        let Some(row) = tx.first("SELECT * FROM tasks WHERE id = $1 {lock}", args![task]).await? else {
            return Ok(None);
        };
        let state: TaskState = row.word("state")?;
        let mut truth = Counts::default();
        for row in
            tx.all("SELECT state, count(*) AS n FROM items WHERE task_id = $1 GROUP BY state", args![task]).await?
        {
            truth.add(row.word("state")?, row.get("n")?);
        }
        if truth.open > 0 || truth.telling > 0 {
            return Ok(None);
        }
        let sums =
            tx.first(concat!("SELECT ", counter_sums!(), " FROM counters c WHERE c.task_id = $1"), args![task]).await?;
        let counted = sums.as_ref().map(counts).transpose()?.unwrap_or_default();
        let mismatch = (Counts { retries: 0, ..counted } != truth)
            .then(|| format!("the items say {truth:?}, the counters {counted:?}"));
        let end = match state {
            TaskState::Cancelling => TaskState::Cancelled,
            TaskState::Running | TaskState::Paused if truth.failed + truth.undelivered == 0 => TaskState::Completed,
            TaskState::Running | TaskState::Paused => TaskState::CompletedWithErrors,
            TaskState::Expanding
            | TaskState::AwaitingApproval
            | TaskState::Completed
            | TaskState::CompletedWithErrors
            | TaskState::Cancelled
            | TaskState::Failed => return Ok(None),
        };
        enter(&mut tx, row.get("district_id")?, task, end, "scheduler").await?;
        tx.commit().await?;
        Ok(Some(Closed { task, state: end, mismatch }))
    }
}

/// The task's row, locked; `None` when the district has no such task.
pub(super) async fn locked(tx: &mut Tx, district: DistrictId, task: TaskId) -> Sql<Option<Row>> {
    tx.first("SELECT * FROM tasks WHERE district_id = $1 AND id = $2 {lock}", args![district, task]).await
}

/// Where the task of this row stands. Only a task that has not begun is held: a cancel leaves the note where it is.
pub(super) fn standing(row: &Row) -> Sql<Standing> {
    let state: TaskState = row.word("state")?;
    Ok(Standing { state, held: state.is_before_the_start() && row.get("held")? })
}

/// Writes the new state, its event and its audit row, and a new version of the task's progress.
pub(super) async fn enter(tx: &mut Tx, district: DistrictId, task: TaskId, state: TaskState, by: &str) -> Sql<()> {
    enter_because(tx, district, task, state, by, None).await
}

/// [`enter`], with a reason for it.
pub(super) async fn enter_because(
    tx: &mut Tx,
    district: DistrictId,
    task: TaskId,
    state: TaskState,
    by: &str,
    reason: Option<&str>,
) -> Sql<()> {
    let changed = TaskChanged { task, state, reason: reason.map(str::to_owned) };
    let (fact, finished) = match state {
        // Accepting and re-sending write their own events: nothing else leads back to the beginning.
        TaskState::Expanding => return Err(Failure::row("a task expands once")),
        TaskState::AwaitingApproval => return Err(Failure::row("a task awaits its approval when it is expanded")),
        TaskState::Running => (Fact::TaskResumed(changed), false),
        TaskState::Paused => (Fact::TaskPaused(changed), false),
        TaskState::Cancelling => (Fact::TaskCancelling(changed), false),
        TaskState::Completed | TaskState::CompletedWithErrors => (Fact::TaskCompleted(changed), true),
        TaskState::Cancelled => (Fact::TaskCancelled(changed), true),
        TaskState::Failed => (Fact::TaskFailed(changed), true),
    };
    let statement = if finished {
        // A shared password is of no more use to anybody.
        "UPDATE tasks SET state = $2, finished_at = {now}, shared_key_id = NULL, shared_sealed = NULL WHERE id = $1"
    } else {
        "UPDATE tasks SET state = $2 WHERE id = $1"
    };
    tx.run(statement, args![task, state.as_str()]).await?;
    if finished {
        forget_all(tx, task).await?;
    }
    let action = fact.kind();
    journal::events(tx, &[NewEvent { district, fact }]).await?;
    let detail = reason.map_or_else(|| state.to_string(), |reason| format!("{state}: {reason}"));
    note(tx, district, task, action, detail, by).await
}

/// Notes whether a task will be paused when it would begin. Its state is the same as before, so nobody outside hears of it.
async fn hold(tx: &mut Tx, district: DistrictId, task: TaskId, state: TaskState, held: bool, by: &str) -> Sql<()> {
    tx.run("UPDATE tasks SET held = $2 WHERE id = $1", args![task, held]).await?;
    let action = if held { "task.held" } else { "task.released" };
    note(tx, district, task, action, state.to_string(), by).await
}

/// An audit row about a task, and a new version of its progress.
pub(super) async fn note(
    tx: &mut Tx,
    district: DistrictId,
    task: TaskId,
    action: &'static str,
    detail: String,
    by: &str,
) -> Sql<()> {
    let audit = NewAudit { district, actor: by.to_owned(), action, subject: format!("task {task}"), detail };
    journal::audits(tx, &[audit]).await?;
    let mut deltas = Deltas::default();
    deltas.of(task);
    deltas.store(tx, "control").await
}
