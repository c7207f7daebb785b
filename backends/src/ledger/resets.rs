//! What the reset stage asks besides the commit itself (see [`super::commit`]).

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use keybell_shared::codes::Code;
use keybell_shared::eligibility::{Decision, decide};
use keybell_shared::ids::{ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::notice::Channel;
use keybell_shared::password::name_parts;
use keybell_shared::ports::ledger::{LedgerResult, ResetJob, ResetLedger, ResetOutcome, ResetWrite};

use super::SqlLedger;
use super::facts::{facts, facts_of_items};
use super::sql::{Failure, Row, Sql, args, json};

#[async_trait]
impl ResetLedger for SqlLedger {
    async fn reset_jobs(&self, items: &[ItemId]) -> LedgerResult<Vec<ResetJob>> {
        let rows = self
            .db
            .read(
                concat!(
                    facts_of_items!(", a.grade, a.username, s.name AS school_name, d.name AS district_name"),
                    "JOIN districts d ON d.id = i.district_id LEFT JOIN schools s ON s.id = a.school_id
                     WHERE i.id {any $1 bigint} ORDER BY i.id"
                ),
                args![items],
            )
            .await?;
        let tasks: BTreeSet<TaskId> = rows.iter().map(|row| row.get("task_id")).collect::<Sql<_>>()?;
        let requests = self.requests.of(&self.db, &tasks).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in &rows {
            let task: TaskId = row.get("task_id")?;
            let Some(known) = requests.get(&task) else { continue };
            let facts = facts(row)?;
            jobs.push(ResetJob {
                item: row.get("item")?,
                task,
                district: row.get("district_id")?,
                account: row.get("account_id")?,
                decision: decide(&facts),
                request: known.request.clone(),
                shared: known.shared.clone(),
                uploaded: None,
                grade: row.get("grade")?,
                rank: facts.rank,
                forbidden: forbidden(row)?,
                waiting: Vec::new(),
            });
        }
        self.add_uploaded(&mut jobs).await?;
        let told: Vec<ItemId> =
            jobs.iter().filter(|job| job.decision == Decision::Closed).map(|job| job.item).collect();
        if !told.is_empty() {
            let mut waiting = self.waiting(&told).await?;
            for job in &mut jobs {
                job.waiting = waiting.remove(&job.item).unwrap_or_default();
            }
        }
        Ok(jobs)
    }

    async fn hold(&self, items: &[ItemId]) -> LedgerResult<()> {
        self.db
            .retrying(|| {
                self.db.run(
                    "UPDATE items SET state = 'pending', queued_at = NULL, changed_at = {now}
                     WHERE id {in $1 bigint} AND state = 'queued'",
                    args![json(items)],
                )
            })
            .await?;
        Ok(())
    }

    async fn commit_resets(&self, writer: &str, resets: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
        match self.commit_anew(writer, resets).await {
            // One bad row must not keep a whole group: each is tried alone, and the bad one is left out.
            Err(Failure::Defect(reason) | Failure::Duplicate(reason)) if resets.len() > 1 => {
                tracing::error!(reason, items = resets.len(), "a group of resets was refused; trying one by one");
                let mut outcomes = Vec::with_capacity(resets.len());
                for write in resets {
                    match self.commit_anew(writer, std::slice::from_ref(write)).await {
                        Ok(alone) => outcomes.extend(alone),
                        Err(Failure::Defect(reason) | Failure::Duplicate(reason)) => {
                            tracing::error!(reason, item = %write.item, "this reset was refused");
                        }
                        Err(other) => return Err(other.into()),
                    }
                }
                Ok(outcomes)
            }
            other => Ok(other?),
        }
    }

    async fn fail_items(&self, writer: &str, items: &[ItemId], code: Code) -> LedgerResult<()> {
        Ok(self.db.retrying(|| self.fail_open_items(writer, items, code)).await?)
    }

    async fn unpublish(&self, notifications: &[NotificationId]) -> LedgerResult<()> {
        self.db
            .retrying(|| {
                self.db.run(
                    "UPDATE notifications SET queued_at = NULL WHERE id {in $1 bigint} AND state = 'waiting'",
                    args![json(notifications)],
                )
            })
            .await?;
        Ok(())
    }
}

impl SqlLedger {
    /// Notifications of reset items that wait for their first attempt, by item.
    async fn waiting(&self, items: &[ItemId]) -> Sql<HashMap<ItemId, Vec<Message>>> {
        let rows = self
            .db
            .read(
                "SELECT id, item_id, task_id, district_id, channel FROM notifications
                 WHERE item_id {in $1 bigint} AND state = 'waiting' AND attempts = 0 ORDER BY id",
                args![json(items)],
            )
            .await?;
        let mut waiting: HashMap<ItemId, Vec<Message>> = HashMap::new();
        for row in &rows {
            waiting.entry(row.get("item_id")?).or_default().push(notification_message(row)?);
        }
        Ok(waiting)
    }
}

/// The queue message of a notification row with `id`, `task_id`, `district_id` and `channel`.
pub(super) fn notification_message(row: &Row) -> Sql<Message> {
    let id = row.get("id")?;
    let work = match row.word::<Channel>("channel")? {
        Channel::Email => Work::Email(id),
        Channel::Sms => Work::Sms(id),
    };
    Ok(Message { district: row.get("district_id")?, task: row.get("task_id")?, work, dispatch: 1, trace: None })
}

/// What the password must not contain: the username, and the names of school and district.
pub(super) fn forbidden(row: &Row) -> Sql<Vec<String>> {
    let username: String = row.get("username")?;
    let (school, district): (Option<String>, Option<String>) = (row.get("school_name")?, row.get("district_name")?);
    Ok(name_parts(Some(&username), school.into_iter().chain(district)))
}
