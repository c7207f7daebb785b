//! Bringing back what a crash left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::codes::Code;
use keybell_shared::ids::{AccountId, ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::{LedgerResult, MAX_DEAD, MAX_REPUBLICATIONS, RepairLedger};
use keybell_shared::stage::Stage;
use keybell_shared::states::{ItemState, NotificationState};

use super::SqlLedger;
use super::attempts::unknown;
use super::counters::Deltas;
use super::notices::lock_accounts;
use super::periodic;
use super::record::Results;
use super::resets::notification_message;
use super::sql::{Row, Sql, Tx, Value, args, json};
use super::uploaded::forget;

#[async_trait]
impl RepairLedger for SqlLedger {
    async fn expire_leases(&self, writer: &str, retry_in: Duration, limit: u32) -> LedgerResult<u64> {
        let candidates = self.db.read(periodic::EXPIRED_LEASES, args![limit]).await?;
        let ids: Vec<NotificationId> = candidates.iter().map(|row| row.get("id")).collect::<Sql<_>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        Ok(self.db.retrying(|| self.expire(writer, &ids, retry_in)).await?)
    }

    async fn due_notifications(
        &self,
        writer: &str,
        stage: Stage,
        queue_empty: bool,
        grace: Duration,
        limit: u32,
    ) -> LedgerResult<Vec<Message>> {
        let due = periodic::DUE;
        let lost = periodic::LOST_NOTIFICATIONS;
        let mut rows = self.db.retrying(|| self.returning(due, args![stage.as_str(), limit])).await?;
        if queue_empty && rows.is_empty() {
            rows = self.db.retrying(|| self.returning(lost, args![stage.as_str(), limit, grace])).await?;
        }
        let mut messages = Vec::with_capacity(rows.len());
        let mut given_up = Vec::new();
        for row in &rows {
            if too_often(row)? {
                given_up.push(row.get::<NotificationId>("id")?);
            } else {
                messages.push(notification_message(row)?);
            }
        }
        if !given_up.is_empty() {
            self.db.retrying(|| self.fail_notifications(writer, &given_up, Code::X01)).await?;
        }
        Ok(messages)
    }

    async fn lost_items(&self, writer: &str, grace: Duration, limit: u32) -> LedgerResult<Vec<Message>> {
        let lost = periodic::LOST_ITEMS;
        let rows = self.db.retrying(|| self.returning(lost, args![grace, limit])).await?;
        let mut messages = Vec::with_capacity(rows.len());
        let mut given_up: Vec<ItemId> = Vec::new();
        for row in &rows {
            let item = row.get("id")?;
            if too_often(row)? {
                given_up.push(item);
            } else {
                messages.push(Message {
                    district: row.get("district_id")?,
                    task: row.get("task_id")?,
                    work: Work::Reset(item),
                    dispatch: u32::try_from(row.get::<i32>("dispatch")?).unwrap_or_default(),
                    trace: None,
                });
            }
        }
        if !given_up.is_empty() {
            self.db.retrying(|| self.fail_open_items(writer, &given_up, Code::X01)).await?;
        }
        Ok(messages)
    }

    async fn count_death(&self, writer: &str, message: &Message) -> LedgerResult<bool> {
        let deaths = match message.work {
            Work::Reset(item) => {
                let statement = "UPDATE items SET deaths = deaths + 1 WHERE id = $1 AND task_id = $2 \
                     AND state IN ('pending', 'queued', 'reset') RETURNING deaths";
                self.db.retrying(|| self.returning(statement, args![item, message.task])).await?
            }
            Work::Email(notification) | Work::Sms(notification) => {
                let statement = "UPDATE notifications SET deaths = deaths + 1 WHERE id = $1 AND task_id = $2 \
                     AND state IN ('waiting', 'sending') RETURNING deaths";
                self.db.retrying(|| self.returning(statement, args![notification, message.task])).await?
            }
        };
        let Some(row) = deaths.first() else { return Ok(false) };
        if u32::try_from(row.get::<i32>("deaths")?).unwrap_or(u32::MAX) < MAX_DEAD {
            return Ok(true);
        }
        match message.work {
            Work::Reset(item) => {
                let item = [item];
                self.db.retrying(|| self.fail_open_items(writer, &item, Code::X02)).await?;
            }
            Work::Email(notification) | Work::Sms(notification) => {
                let notification = [notification];
                self.db.retrying(|| self.fail_notifications(writer, &notification, Code::X02)).await?;
            }
        }
        Ok(false)
    }

    async fn sweep_seals(&self, writer: &str, limit: u32) -> LedgerResult<u64> {
        self.db.retrying(|| self.db.run(periodic::OLD_LINKS, args![limit])).await?;
        let rows = self.db.read(periodic::EXPIRED_SEALS, args![limit]).await?;
        let items: Vec<ItemId> = rows.iter().map(|row| row.get("item_id")).collect::<Sql<_>>()?;
        if items.is_empty() {
            return Ok(0);
        }
        let open = self
            .db
            .read(
                "SELECT id FROM notifications WHERE item_id {in $1 bigint} AND state = 'waiting'",
                args![json(&items)],
            )
            .await?;
        let open: Vec<NotificationId> = open.iter().map(|row| row.get("id")).collect::<Sql<_>>()?;
        if !open.is_empty() {
            self.db.retrying(|| self.fail_notifications(writer, &open, Code::N08)).await?;
        }
        Ok(self
            .db
            .retrying(|| {
                self.db.run(
                    "DELETE FROM sealed_passwords WHERE item_id {in $1 bigint} AND expires_at <= {now}",
                    args![json(&items)],
                )
            })
            .await?)
    }
}

fn too_often(row: &Row) -> Sql<bool> {
    Ok(u32::try_from(row.get::<i32>("republished")?).unwrap_or(u32::MAX) > MAX_REPUBLICATIONS)
}

/// What a cascade or a freed account makes due during a repair is left to the next scan, which publishes it.
async fn unpublish(tx: &mut Tx, messages: &[Message]) -> Sql<()> {
    let due: Vec<NotificationId> = messages
        .iter()
        .filter_map(|message| match message.work {
            Work::Email(id) | Work::Sms(id) => Some(id),
            Work::Reset(_) => None,
        })
        .collect();
    if !due.is_empty() {
        tx.run("UPDATE notifications SET queued_at = NULL WHERE id {in $1 bigint}", args![json(&due)]).await?;
    }
    Ok(())
}

impl SqlLedger {
    /// Runs one statement with `RETURNING` as its own transaction.
    async fn returning(&self, statement: &'static str, arguments: Vec<Value>) -> Sql<Vec<Row>> {
        let mut tx = self.db.begin().await?;
        let rows = tx.all(statement, arguments).await?;
        tx.commit().await?;
        Ok(rows)
    }

    async fn expire(&self, writer: &str, ids: &[NotificationId], retry_in: Duration) -> Sql<u64> {
        let mut tx = self.db.begin().await?;
        lock_accounts(&mut tx, ids).await?;
        let rows = tx
            .all(
                "SELECT * FROM notifications WHERE id {in $1 bigint} AND state = 'sending' AND lease_until <= {now}
                 ORDER BY id {lock}",
                args![json(ids)],
            )
            .await?;
        let mut results = Results::default();
        for row in &rows {
            let attempts = u32::try_from(row.get::<i32>("attempts")?).unwrap_or_default();
            results.temporary(row, attempts, retry_in)?;
        }
        unknown(&mut tx, &rows.iter().map(|row| row.get("id")).collect::<Sql<Vec<NotificationId>>>()?).await?;
        let due = results.store(&mut tx, &self.requests, writer).await?;
        unpublish(&mut tx, &due).await?;
        tx.commit().await?;
        Ok(rows.len() as u64)
    }

    /// Gives notifications up, with everything that follows: the cascade's next step, or the item's end. One that is on
    /// its way is left to its lease: ended now, it would make room for a newer password's message, and arrive after it.
    async fn fail_notifications(&self, writer: &str, ids: &[NotificationId], code: Code) -> Sql<()> {
        let mut tx = self.db.begin().await?;
        lock_accounts(&mut tx, ids).await?;
        let rows = tx
            .all(
                "SELECT * FROM notifications WHERE id {in $1 bigint} AND state = 'waiting' ORDER BY id {lock}",
                args![json(ids)],
            )
            .await?;
        let state = if code == Code::N08 { NotificationState::Expired } else { NotificationState::Failed };
        let mut results = Results::default();
        for row in &rows {
            results.end(row, state, code)?;
        }
        let due = results.store(&mut tx, &self.requests, writer).await?;
        unpublish(&mut tx, &due).await?;
        tx.commit().await
    }

    /// Ends items that can never be reset.
    pub(super) async fn fail_open_items(&self, writer: &str, items: &[ItemId], code: Code) -> Sql<()> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .all(
                "UPDATE items SET state = 'failed', code = $2, changed_at = {now}
                 WHERE id {in $1 bigint} AND state IN ('pending', 'queued') RETURNING task_id, account_id",
                args![json(items), code.as_str()],
            )
            .await?;
        let mut deltas = Deltas::default();
        let mut failed: BTreeMap<TaskId, BTreeSet<AccountId>> = BTreeMap::new();
        for row in &rows {
            let task = row.get("task_id")?;
            deltas.of(task).step(ItemState::Queued, ItemState::Failed);
            failed.entry(task).or_default().insert(row.get("account_id")?);
        }
        for (task, accounts) in failed {
            forget(&mut tx, task, &accounts).await?;
        }
        deltas.store(&mut tx, writer).await?;
        tx.commit().await
    }
}
