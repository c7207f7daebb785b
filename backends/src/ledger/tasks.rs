//! Looking at tasks and their items.

use async_trait::async_trait;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::{AccountId, DistrictId, TaskId};
use keybell_shared::ports::ledger::{
    Chosen, Closed, CodeCount, ItemFilter, ItemView, LedgerResult, ReportRow, Resent, Standing, TaskLedger, TaskView,
    WaveView,
};
use keybell_shared::progress::Snapshot;
use keybell_shared::request::ResetRequest;
use keybell_shared::states::TaskState;

use super::SqlLedger;
use super::control::standing;
use super::counters::{counts, tasks_with_sums};
use super::paging::after_item;
use super::periodic;
use super::sql::{Failure, Row, Sql, args};
use super::waves;
use uuid::Uuid;

#[async_trait]
impl TaskLedger for SqlLedger {
    async fn task(&self, district: DistrictId, task: TaskId) -> LedgerResult<Option<TaskView>> {
        let own = tasks_with_sums!("WHERE t.district_id = $1 AND t.id = $2 GROUP BY t.seq");
        let anybodys = tasks_with_sums!("WHERE $1 IS NOT NULL AND t.id = $2 GROUP BY t.seq");
        let statement = if fault::off(Mechanism::District) { anybodys } else { own };
        let row = self.db.read_first(statement, args![district, task]).await?;
        Ok(row.as_ref().map(view).transpose()?)
    }

    async fn tasks(
        &self,
        district: DistrictId,
        requester: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> LedgerResult<Vec<TaskView>> {
        let rows = self
            .db
            .read(
                tasks_with_sums!(
                    "WHERE t.district_id = $1 AND t.seq < $2 AND ($3 = '' OR t.requester = $3)
                     GROUP BY t.seq ORDER BY t.seq DESC LIMIT $4"
                ),
                args![district, before.unwrap_or(i64::MAX), requester.unwrap_or_default(), limit],
            )
            .await?;
        Ok(rows.iter().map(view).collect::<Sql<_>>()?)
    }

    async fn items(
        &self,
        district: DistrictId,
        task: TaskId,
        filter: ItemFilter,
        limit: u32,
    ) -> LedgerResult<Vec<ItemView>> {
        let after = filter.after.map_or(0, |id| id.0);
        let rows = match filter.state {
            Some(state) => {
                self.db
                    .read(
                        "SELECT i.id, i.account_id, i.state, i.code, i.changed_at, a.username
                         FROM items i JOIN accounts a ON a.id = i.account_id
                         WHERE i.task_id = $1 AND i.district_id = $2 AND i.state = $3 AND i.id > $4
                         ORDER BY i.id LIMIT $5",
                        args![task, district, state.as_str(), after, limit],
                    )
                    .await?
            }
            None => {
                self.db
                    .read(
                        concat!(
                            "SELECT i.id, i.account_id, i.state, i.code, i.changed_at, a.username
                             FROM items i JOIN accounts a ON a.id = i.account_id
                             WHERE i.task_id = $1 AND i.district_id = $2 AND ",
                            after_item!("$3", "$5"),
                            " ORDER BY i.account_id LIMIT $4"
                        ),
                        args![task, district, after, limit, AccountId(Uuid::nil())],
                    )
                    .await?
            }
        };
        Ok(rows.iter().map(item).collect::<Sql<_>>()?)
    }

    async fn codes(&self, district: DistrictId, task: TaskId) -> LedgerResult<Vec<CodeCount>> {
        let rows = self
            .db
            .read(
                "SELECT state, code, count(*) AS n FROM items WHERE task_id = $1 AND district_id = $2
                 GROUP BY state, code ORDER BY state, code",
                args![task, district],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                let items = u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
                Ok(CodeCount { state: row.word("state")?, code: row.maybe_word("code")?, items })
            })
            .collect::<Sql<_>>()?)
    }

    async fn snapshots(&self) -> LedgerResult<Vec<Snapshot>> {
        let rows = self.db.read(periodic::SNAPSHOTS, args![]).await?;
        Ok(rows.iter().map(snapshot).collect::<Sql<_>>()?)
    }

    async fn finish(&self, limit: u32) -> LedgerResult<Vec<Closed>> {
        Ok(self.finish_tasks(limit).await?)
    }

    async fn report(
        &self,
        district: DistrictId,
        task: TaskId,
        filter: ItemFilter,
        limit: u32,
    ) -> LedgerResult<Vec<ReportRow>> {
        Ok(self.report_page(district, task, filter, limit).await?)
    }

    async fn pause(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.set_paused(district, task, true, by).await?)
    }

    async fn resume(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.set_paused(district, task, false, by).await?)
    }

    async fn resend(
        &self,
        writer: &str,
        district: DistrictId,
        task: TaskId,
        by: &str,
        chosen: &Chosen,
    ) -> LedgerResult<Option<Resent>> {
        Ok(self.resend_chosen(writer, district, task, by, chosen).await?)
    }

    async fn cancel(&self, district: DistrictId, task: TaskId, by: &str) -> LedgerResult<Option<TaskState>> {
        Ok(self.cancel_task(district, task, by).await?)
    }
}

fn snapshot(row: &Row) -> Sql<Snapshot> {
    Ok(Snapshot {
        task: row.get("id")?,
        district: row.get("district_id")?,
        epoch: row.get("epoch")?,
        version: row.get("revision")?,
        state: row.word("state")?,
        counts: counts(row)?,
        accepted_at: row.get("created_at")?,
        finished_at: row.get::<Option<Millis>>("finished_at")?,
        counted_at: row.get("now")?,
    })
}

fn view(row: &Row) -> Sql<TaskView> {
    let paused = row.word::<TaskState>("state")? == TaskState::Paused;
    Ok(TaskView {
        id: row.get("id")?,
        seq: row.get("seq")?,
        district: row.get("district_id")?,
        requester: row.get("requester")?,
        request: asked(row)?,
        progress: snapshot(row)?,
        digest: row.get("digest")?,
        parent: row.get("parent_id")?,
        held: standing(row)?.held,
        plan: row.get("plan_id")?,
        approved_by: row.get("approved_by")?,
        starts_at: row.get("start_at")?,
        wave: wave(row)?,
        halted: row.get::<Option<String>>("halted")?.filter(|_| paused),
    })
}

/// The wave whose turn it is.
fn wave(row: &Row) -> Sql<Option<WaveView>> {
    let (current, of) = (row.get::<Option<i32>>("wave")?, row.get::<Option<i64>>("wave_count")?);
    let label = row.get::<Option<String>>("wave_label")?;
    Ok(match (current, of, label) {
        (Some(current), Some(of), Some(label)) => Some(WaveView { current: i64::from(current), of, label }),
        _ => None,
    })
}

/// The request as it was asked: what has columns of its own is put back.
fn asked(row: &Row) -> Sql<ResetRequest> {
    let unreadable = |error| Failure::row(format!("a task's request cannot be read: {error}"));
    let mut request: ResetRequest = serde_json::from_str(&row.get::<String>("request")?).map_err(unreadable)?;
    let start: Option<String> = row.get("start_said")?;
    request.waves = waves::asked(row)?;
    request.start = start.map(|said| serde_json::from_str(&said)).transpose().map_err(unreadable)?;
    Ok(request)
}

fn item(row: &Row) -> Sql<ItemView> {
    let code: Option<Code> = row.maybe_word("code")?;
    Ok(ItemView {
        id: row.get("id")?,
        account: row.get("account_id")?,
        username: row.get("username")?,
        state: row.word("state")?,
        code,
        meaning: code.map(Code::meaning),
        changed_at: row.get("changed_at")?,
    })
}
