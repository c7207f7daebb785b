//! Putting items on the queue.

use async_trait::async_trait;
use keybell_shared::config::Window;
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::ports::ledger::{DispatchLedger, LedgerResult, Runnable, Turned};
use keybell_shared::trace::TraceParent;

use super::SqlLedger;
use super::periodic;
use super::sql::{Row, Sql, args, json};
use serde_json::{Value as Json, json as object};

#[async_trait]
impl DispatchLedger for SqlLedger {
    async fn queued(&self, limit: u32) -> LedgerResult<u32> {
        let row = self.db.read_first(periodic::QUEUED, args![limit]).await?;
        let n: i64 = row.map(|row| row.get("n")).transpose()?.unwrap_or_default();
        Ok(u32::try_from(n).unwrap_or(u32::MAX))
    }

    async fn runnable(&self, limit: u32, blackout: &[Window]) -> LedgerResult<Vec<Runnable>> {
        let rows = if blackout.is_empty() {
            self.db.read(periodic::RUNNABLE, args![limit]).await?
        } else {
            self.db.read(periodic::RUNNABLE_OUTSIDE, args![limit, json(&windows(blackout))]).await?
        };
        Ok(rows
            .iter()
            .map(|row| Ok(Runnable { task: row.get("id")?, district: row.get("district_id")?, wave: wave(row)? }))
            .collect::<Sql<_>>()?)
    }

    async fn pending(&self, task: TaskId, wave: Option<u32>, limit: u32) -> LedgerResult<Vec<(ItemId, u32)>> {
        let rows = match wave {
            None => self.db.read(periodic::PENDING, args![task, limit]).await?,
            Some(wave) => self.db.read(periodic::PENDING_IN_WAVE, args![task, limit, wave]).await?,
        };
        Ok(rows
            .iter()
            .map(|row| Ok((row.get("id")?, u32::try_from(row.get::<i32>("dispatch")?).unwrap_or_default() + 1)))
            .collect::<Sql<_>>()?)
    }

    async fn mark_queued(&self, items: &[ItemId]) -> LedgerResult<u64> {
        Ok(self
            .db
            .retrying(|| {
                self.db.run(
                    // Both conditions are written so that PostgreSQL can only look items up by their id, and each once. Given
                    // `state = 'pending'` it reads all pending items of a fresh large task, compares each with every id
                    // of the list, and does so until the table's statistics are renewed; given a join it looks every
                    // item up once for each running task.
                    "UPDATE items SET state = 'queued', queued_at = {now}, dispatch = dispatch + 1, changed_at = {now}
                     WHERE id {any $1 bigint} AND state || '' = 'pending'
                         AND (SELECT t.state FROM tasks t WHERE t.id = items.task_id) = 'running'",
                    args![items],
                )
            })
            .await?)
    }

    async fn turn_waves(&self, limit: u32) -> LedgerResult<Vec<Turned>> {
        Ok(self.turn_settled_waves(limit).await?)
    }

    async fn traces(&self, tasks: &[TaskId]) -> LedgerResult<Vec<(TaskId, TraceParent)>> {
        Ok(self.traces_of(tasks).await?)
    }
}

/// The wave whose turn it is in the task of this row.
fn wave(row: &Row) -> Sql<Option<u32>> {
    Ok(row.get::<Option<i32>>("wave")?.and_then(|wave| u32::try_from(wave).ok()))
}

/// The rows of [`periodic::RUNNABLE_OUTSIDE`].
fn windows(blackout: &[Window]) -> Vec<Json> {
    let row = |window: &Window, slug: &str| object!({"slug": slug, "begins": window.from, "ends": window.until});
    let everywhere = blackout.iter().filter(|window| window.districts.is_empty()).map(|window| row(window, "*"));
    let somewhere = blackout.iter().flat_map(|window| window.districts.iter().map(move |slug| row(window, slug)));
    everywhere.chain(somewhere).collect()
}
