//! Forgetting what is no longer needed.
//!
//! A task is locked while a part of it is forgotten, so that it is not re-sent or re-issued at the same time; what is
//! gone is gone from its counters, too, so that the rest still adds up. The audit stays: it is a chain.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::ports::ledger::{LedgerResult, Purged, Retention, RetentionLedger};
use keybell_shared::states::ItemState;

use super::SqlLedger;
use super::counters::Deltas;
use super::periodic;
use super::sql::{Row, Sql, Tx, args, json as json_arg};

/// Tasks that one transaction looks at.
const TASKS: u32 = 20;

/// Tasks that stay, with every task that they come from: open ones and those that ended too short a while ago.
macro_rules! kept {
    () => {
        "WITH RECURSIVE kept (id, parent_id) AS (
             SELECT id, parent_id FROM tasks
             WHERE parent_id IS NOT NULL AND (finished_at IS NULL OR finished_at > {now} - $1)
             UNION SELECT t.id, t.parent_id FROM tasks t JOIN kept k ON t.id = k.parent_id
         ) "
    };
}

const PURGEABLE: [&str; 4] = [
    concat!(
        kept!(),
        "SELECT count(*) AS n FROM tasks
         WHERE finished_at IS NOT NULL AND finished_at <= {now} - $1 AND id NOT IN (SELECT id FROM kept)"
    ),
    concat!(
        kept!(),
        "SELECT count(*) AS n FROM tasks t JOIN items i ON i.task_id = t.id
         WHERE t.finished_at IS NOT NULL AND t.finished_at <= {now} - $1 AND t.id NOT IN (SELECT id FROM kept)"
    ),
    "SELECT count(*) AS n FROM events WHERE sent AND handed_out AND at <= {now} - $1",
    "SELECT count(*) AS n FROM idempotency WHERE created_at <= {now} - $1",
];

#[async_trait]
impl RetentionLedger for SqlLedger {
    async fn purgeable(&self, retention: &Retention) -> LedgerResult<Purged> {
        let [tasks, items, events, idempotency] = PURGEABLE;
        Ok(Purged {
            tasks: self.old(tasks, retention.tasks).await?,
            items: self.old(items, retention.tasks).await?,
            events: self.old(events, retention.events).await?,
            idempotency: self.old(idempotency, retention.idempotency).await?,
        })
    }

    async fn purge(&self, retention: &Retention, limit: u32) -> LedgerResult<Purged> {
        let mut purged = Purged::default();
        // A transaction that only cleared what hangs on a task is no end: whoever asks stops at nothing.
        while let Some(step) = self.db.retrying(|| self.purge_tasks(retention.tasks, limit)).await? {
            (purged.tasks, purged.items) = step;
            if step != (0, 0) {
                break;
            }
        }
        let [events, keys] = [periodic::OLD_EVENTS, periodic::OLD_KEYS];
        purged.events = self.db.retrying(|| self.db.run(events, args![retention.events, limit])).await?;
        purged.idempotency = self.db.retrying(|| self.db.run(keys, args![retention.idempotency, limit])).await?;
        Ok(purged)
    }
}

impl SqlLedger {
    async fn old(&self, statement: &'static str, age: Duration) -> Sql<u64> {
        let row = self.db.read_first(statement, args![age]).await?;
        Ok(row.map(|row| row.get::<i64>("n")).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
    }

    /// Forgets a part of the oldest tasks: how many tasks and items; `None` when there is no task to forget.
    async fn purge_tasks(&self, age: Duration, limit: u32) -> Sql<Option<(u64, u64)>> {
        let mut tx = self.db.begin().await?;
        let rows = tx.all(periodic::OLD_TASKS, args![age, TASKS.min(limit)]).await?;
        let tasks: Vec<TaskId> = rows.iter().map(|row| row.get("id")).collect::<Sql<_>>()?;
        if tasks.is_empty() {
            return Ok(None);
        }
        let items = purge_items(&mut tx, &tasks, limit).await?;
        tx.run(
            "DELETE FROM task_accounts WHERE {pg ctid = ANY (ARRAY}{lite rowid IN }(
                 SELECT {pg ctid}{lite rowid} FROM task_accounts WHERE task_id {in $1 uuid} LIMIT $2){pg )}",
            args![json_arg(&tasks), limit],
        )
        .await?;
        let gone = purge_emptied(&mut tx, &tasks).await?;
        tx.commit().await?;
        Ok(Some((gone, items)))
    }
}

/// Items with everything that hangs on them, children first.
async fn purge_items(tx: &mut Tx, tasks: &[TaskId], limit: u32) -> Sql<u64> {
    let rows = tx
        .all(
            "SELECT id, task_id, state FROM items WHERE task_id {in $1 uuid} ORDER BY task_id, account_id LIMIT $2",
            args![json_arg(tasks), limit],
        )
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let ids: Vec<ItemId> = rows.iter().map(|row| row.get("id")).collect::<Sql<_>>()?;
    for statement in [
        "DELETE FROM attempts WHERE notification_id IN (
             SELECT n.id FROM notifications n WHERE n.item_id {in $1 bigint})",
        "DELETE FROM notifications WHERE item_id {in $1 bigint}",
        "DELETE FROM sealed_passwords WHERE item_id {in $1 bigint}",
        "DELETE FROM items WHERE id {in $1 bigint}",
    ] {
        tx.run(statement, args![json_arg(&ids)]).await?;
    }
    let mut deltas = Deltas::default();
    for row in &rows {
        deltas.of(row.get("task_id")?).add(row.word::<ItemState>("state")?, -1);
    }
    deltas.store(tx, "retention").await?;
    Ok(rows.len() as u64)
}

/// Tasks on which nothing hangs any more. They are locked; a re-issue that was faster is seen here.
async fn purge_emptied(tx: &mut Tx, tasks: &[TaskId]) -> Sql<u64> {
    let rows = tx
        .all(
            "SELECT t.id FROM tasks t WHERE t.id {in $1 uuid}
                 AND NOT EXISTS (SELECT 1 FROM items i WHERE i.task_id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM task_accounts n WHERE n.task_id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM tasks c WHERE c.parent_id = t.id)",
            args![json_arg(tasks)],
        )
        .await?;
    let emptied: Vec<TaskId> = rows.iter().map(|row: &Row| row.get("id")).collect::<Sql<_>>()?;
    tx.run("DELETE FROM uploaded_passwords WHERE task_id {in $1 uuid}", args![json_arg(&emptied)]).await?;
    tx.run("DELETE FROM task_waves WHERE task_id {in $1 uuid}", args![json_arg(&emptied)]).await?;
    tx.run("DELETE FROM counters WHERE task_id {in $1 uuid}", args![json_arg(&emptied)]).await?;
    tx.run("DELETE FROM tasks WHERE id {in $1 uuid}", args![json_arg(&emptied)]).await
}
