//! Writing down a task's accounts as items, without them leaving the database.

use async_trait::async_trait;
use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::events::{Fact, TaskAwaiting, TaskChanged, TaskStarted};
use keybell_shared::ids::{AccountId, DistrictId, TaskId};
use keybell_shared::ports::ledger::{Chunk, Expansion, ExpansionLedger, LedgerResult, MAX_DEFECTS};
use keybell_shared::request::{ResetRequest, Waves};
use keybell_shared::seal::hex;
use keybell_shared::states::{ItemState, TaskState};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::SqlLedger;
use super::control::enter;
use super::counters::Deltas;
use super::journal::{self, NewAudit, NewEvent};
use super::periodic;
use super::selection::{exclusion, filter_args, selected, way_args};
use super::sql::{Failure, Row, Sql, Tx, args};
use super::uploaded::forget_left_out;
use super::waves;

/// Writes accounts down as items of task `$15`: those of a query that answers `id` and `code`.
macro_rules! written {
    ($($query:expr),+ $(,)?) => {
        concat!(
            // Counted inside PostgreSQL: the rows themselves are of no use here. SQLite runs in this process.
            "{pg WITH written AS (}
             INSERT INTO items (district_id, task_id, account_id, state, code, changed_at)
             SELECT $1, $15, x.id, CASE WHEN x.code IS NULL THEN 'pending' ELSE 'skipped' END, x.code, {now}
             FROM (",
            $($query,)+
            ") AS x
             WHERE TRUE
             ORDER BY x.id
             ON CONFLICT (task_id, account_id) DO NOTHING
             RETURNING state{lite , 1 AS items}
             {pg ) SELECT state, count(*) AS items FROM written GROUP BY state}"
        )
    };
}
mod planned;

#[async_trait]
impl ExpansionLedger for SqlLedger {
    async fn expanding(&self, limit: u32) -> LedgerResult<Vec<TaskId>> {
        let rows = self.db.read(periodic::EXPANDING, args![limit]).await?;
        Ok(rows.iter().map(|row| row.get("id")).collect::<Sql<_>>()?)
    }

    async fn expand_next(&self, writer: &str, task: TaskId, how: Expansion) -> LedgerResult<Chunk> {
        Ok(self.db.retrying(|| self.expand_once(writer, task, how)).await?)
    }

    async fn expansion_failed(&self, task: TaskId) -> LedgerResult<bool> {
        Ok(self.db.retrying(|| self.note_defect(task)).await?)
    }
}

/// What the chunk needs to know of its task.
struct Expanding {
    task: TaskId,
    district: DistrictId,
    requester: String,
    role: Role,
    person: Option<AccountId>,
    request: ResetRequest,
    after: Option<AccountId>,
    held: bool,
    starts_at: Option<Millis>,
    waves: Option<Waves>,
    /// The plan whose accounts these are: its number.
    plan: Option<i64>,
}

impl Expanding {
    fn read(row: &Row, plan: Option<i64>) -> Sql<Self> {
        let request: String = row.get("request")?;
        Ok(Self {
            task: row.get("id")?,
            district: row.get("district_id")?,
            requester: row.get("requester")?,
            role: row.word("requester_role")?,
            person: row.get("requester_account")?,
            request: serde_json::from_str(&request).map_err(|error| Failure::row(error.to_string()))?,
            after: row.get("expand_after")?,
            held: row.get("held")?,
            starts_at: row.get("start_at")?,
            waves: waves::asked(row)?,
            plan,
        })
    }
}

impl SqlLedger {
    async fn expand_once(&self, writer: &str, task: TaskId, how: Expansion) -> Sql<Chunk> {
        let mut tx = self.db.begin().await?;
        // The task's lock: a cancel wins or waits.
        let row = tx.first("SELECT * FROM tasks WHERE id = $1 {lock}", args![task]).await?;
        let Some(row) = row.filter(|row| matches!(row.word("state"), Ok(TaskState::Expanding))) else {
            return Ok(Chunk::NotExpanding);
        };
        let plan = planned::number(&mut tx, &row).await?;
        let expanding = Expanding::read(&row, plan)?;
        let after = expanding.after.unwrap_or(AccountId(Uuid::nil()));
        let (items, more) = match page(&mut tx, &expanding, after, how.size).await? {
            Some(page) => {
                let items = insert_items(&mut tx, writer, &expanding, after, page.get("id")?).await?;
                (items, page.get::<i64>("place")? >= i64::from(how.size))
            }
            None => (0, false),
        };
        // At once, so that a small task does not wait for another turn among large ones.
        if !more {
            finish(&mut tx, writer, &expanding, how.approval_above).await?;
        }
        tx.commit().await?;
        Ok(if more { Chunk::More(items) } else { Chunk::Finished(items) })
    }

    /// Counts a defect; the last one of too many in a row ends the task and whatever of it was written down. All in one
    /// transaction: nothing of it was dispatched, so nobody waits for these items.
    async fn note_defect(&self, task: TaskId) -> Sql<bool> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .first(
                "UPDATE tasks SET defects = defects + 1 WHERE id = $1 AND state = 'expanding'
                 RETURNING defects, district_id",
                args![task],
            )
            .await?;
        let Some(row) = row else { return Ok(false) };
        let over = u32::try_from(row.get::<i32>("defects")?).unwrap_or(u32::MAX) >= MAX_DEFECTS;
        if over {
            let open = tx
                .run(
                    "UPDATE items SET state = 'cancelled', code = 'S08', changed_at = {now}
                     WHERE task_id = $1 AND state IN ('pending', 'queued')",
                    args![task],
                )
                .await?;
            enter(&mut tx, row.get("district_id")?, task, TaskState::Failed, "scheduler").await?;
            let open = i64::try_from(open).unwrap_or_default();
            let mut deltas = Deltas::default();
            deltas.of(task).add(ItemState::Pending, -open);
            deltas.of(task).add(ItemState::Cancelled, open);
            deltas.store(&mut tx, "control").await?;
        }
        tx.commit().await?;
        Ok(over)
    }
}

/// The last account of the next chunk, and how many there are up to it. The chunk is a range of the district's accounts,
/// so that a narrow selection in a large district does not turn into one long scan under the task's lock.
async fn page(tx: &mut Tx, expanding: &Expanding, after: AccountId, size: u32) -> Sql<Option<Row>> {
    if let Some(plan) = expanding.plan {
        return planned::page(tx, plan, after, size).await;
    }
    tx.first(
        "SELECT id, place FROM (
             SELECT id, row_number() OVER (ORDER BY id) AS place FROM accounts
             WHERE district_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS page
         ORDER BY id DESC LIMIT 1",
        args![expanding.district, after, size],
    )
    .await
}

/// Writes down the accounts after `after` up to `upper`, and answers how many they are.
async fn insert_items(
    tx: &mut Tx,
    writer: &str,
    expanding: &Expanding,
    after: AccountId,
    upper: AccountId,
) -> Sql<u64> {
    let request = &expanding.request;
    let ResetRequest { selection, confirm, mode, .. } = request;
    let mut arguments = filter_args(expanding.district, selection, expanding.role, expanding.person, *confirm);
    arguments.extend(args![expanding.role.reach(), expanding.task, after, upper, mode.sets_password()]);
    arguments.extend(way_args(request.must_reach()));
    let rows = if let Some(plan) = expanding.plan {
        arguments.extend(args![plan]);
        tx.all(planned::WRITE, arguments).await?
    } else {
        tx.all(
            written!(
                "SELECT a.id AS id, ",
                exclusion!(reach "$14", sets "$18", must_reach "$19" by "$20" "$21" "$22" "$23"),
                " AS code FROM accounts a
                       WHERE a.id > $16 AND a.id <= $17 AND ",
                selected!("EXISTS (SELECT 1 FROM task_accounts n WHERE n.task_id = $15 AND n.account_id = a.id)")
            ),
            arguments,
        )
        .await?
    };
    let mut deltas = Deltas::default();
    let counts = deltas.of(expanding.task);
    let mut written = 0;
    for row in &rows {
        let items: i64 = row.get("items")?;
        counts.add(row.word::<ItemState>("state")?, items);
        written += items;
    }
    tx.run("UPDATE tasks SET expand_after = $2, defects = 0 WHERE id = $1", args![expanding.task, upper]).await?;
    deltas.store(tx, writer).await?;
    Ok(u64::try_from(written).unwrap_or_default())
}

/// The set is frozen: its digest is stored, and the task runs, or is paused if it was held; or it waits for a second person.
async fn finish(tx: &mut Tx, writer: &str, expanding: &Expanding, approval_above: Option<u32>) -> Sql<()> {
    let (task, district) = (expanding.task, expanding.district);
    forget_left_out(tx, task, &expanding.request).await?;
    if let Some(waves) = &expanding.waves {
        waves::divide(tx, task, waves).await?;
    }
    let digest = digest(tx, task).await?;
    let awaiting = awaiting(tx, task, approval_above).await?;
    let starts_at = expanding.starts_at.map(Millis::rfc3339);
    let (state, fact) = if let Some(accounts) = awaiting {
        let waits = TaskAwaiting { task, digest: digest.clone(), accounts };
        (TaskState::AwaitingApproval, Fact::TaskAwaitingApproval(waits))
    } else if expanding.held {
        (TaskState::Paused, Fact::TaskPaused(TaskChanged { task, state: TaskState::Paused, reason: None }))
    } else {
        (TaskState::Running, Fact::TaskStarted(TaskStarted { task, digest: digest.clone(), starts_at }))
    };
    // Whoever waits for an approval stays held: then the approval pauses it.
    let held = expanding.held && state == TaskState::AwaitingApproval;
    tx.run(
        "UPDATE tasks SET state = $2, digest = $3, held = $4, defects = 0 WHERE id = $1",
        args![task, state.as_str(), digest.as_str(), held],
    )
    .await?;
    let action = fact.kind();
    journal::events(tx, &[NewEvent { district, fact }]).await?;
    let audit = NewAudit {
        district,
        actor: expanding.requester.clone(),
        action,
        subject: format!("task {task}"),
        detail: format!("digest {digest}"),
    };
    journal::audits(tx, &[audit]).await?;
    let mut deltas = Deltas::default();
    deltas.of(task);
    deltas.store(tx, writer).await
}

/// How many passwords the task would change, if that is more than may change without an approval.
async fn awaiting(tx: &mut Tx, task: TaskId, above: Option<u32>) -> Sql<Option<u64>> {
    let Some(above) = above else { return Ok(None) };
    let row = tx.first("SELECT count(*) AS n FROM items WHERE task_id = $1 AND state = 'pending'", args![task]).await?;
    let accounts = row.map(|row| row.get::<i64>("n")).transpose()?.unwrap_or_default();
    Ok(u64::try_from(accounts).ok().filter(|accounts| *accounts > u64::from(above)))
}

/// SHA-256 over the ids of all accounts of the task, in order.
async fn digest(tx: &mut Tx, task: TaskId) -> Sql<String> {
    let mut hasher = Sha256::new();
    let mut after = AccountId(Uuid::nil());
    loop {
        let rows = tx
            .all(
                "SELECT account_id FROM items WHERE task_id = $1 AND account_id > $2 ORDER BY account_id LIMIT 2000",
                args![task, after],
            )
            .await?;
        for row in &rows {
            after = row.get("account_id")?;
            hasher.update(after.0.as_bytes());
        }
        if rows.len() < 2_000 {
            return Ok(hex(&hasher.finalize()));
        }
    }
}
