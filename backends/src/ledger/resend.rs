//! Telling people again, from the passwords that are still sealed.
//!
//! Batch by batch: the task's lock, so that it cannot be closed meanwhile and two re-sends at once send once; then the
//! lock order of all, accounts, items, notifications, counters.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::events::{Fact, TaskResent};
use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::notice::{self, Contacts, Plan};
use keybell_shared::ports::ledger::{Chosen, Resent};
use keybell_shared::request::ResetRequest;
use keybell_shared::states::{ItemState, TaskState};

use super::SqlLedger;
use super::chosen::{chosen, chosen_args};
use super::contacts::contacts;
use super::control::{locked, note};
use super::counters::Deltas;
use super::journal::{self, NewEvent};
use super::new_notices::{NewNotice, Place, Published, insert_notifications};
use super::sql::{Failure, Row, Sql, Tx, args, json as json_arg};

/// Items that one transaction tells again.
const BATCH: usize = 500;

/// An undelivered item, under its own and its account's lock.
struct Untold {
    item: ItemId,
    account: AccountId,
    version: i64,
    place: Place,
    /// Why nothing can be sent from the sealed password, if so.
    obstacle: Option<Code>,
}

impl SqlLedger {
    pub(super) async fn resend_chosen(
        &self,
        writer: &str,
        district: DistrictId,
        task: TaskId,
        by: &str,
        chosen: &Chosen,
    ) -> Sql<Option<Resent>> {
        let known = "SELECT state FROM tasks WHERE id = $1 AND district_id = $2";
        let Some(row) = self.db.read_first(known, args![task, district]).await? else { return Ok(None) };
        let mut state: TaskState = row.word("state")?;
        let (mut again, mut left) = (0, BTreeMap::new());
        let mut after = ItemId(0);
        loop {
            let page = self.untold_page(district, task, chosen, after).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let batch = self.db.retrying(|| self.resend_batch(writer, district, task, by, &page)).await?;
            let Some(Resent { state: now, again: told, left: more }) = batch else { break };
            state = now;
            again += told;
            for (code, items) in more {
                *left.entry(code).or_insert(0) += items;
            }
        }
        Ok(Some(Resent { state, again, left: left.into_iter().collect() }))
    }

    /// The next undelivered items that are chosen, with their accounts. What was left as it is stays behind the cursor.
    async fn untold_page(
        &self,
        district: DistrictId,
        task: TaskId,
        chosen: &Chosen,
        after: ItemId,
    ) -> Sql<Vec<(ItemId, AccountId)>> {
        let [states, accounts] = chosen_args(chosen);
        let mut arguments = args![task, district, after, i64::try_from(BATCH).unwrap_or(i64::MAX)];
        arguments.extend([states, accounts]);
        let rows = self
            .db
            .read(
                concat!(
                    "SELECT p.id, p.account_id FROM items p
                     WHERE p.task_id = $1 AND p.district_id = $2 AND p.state = 'undelivered' AND p.id > $3 AND ",
                    chosen!("$5", "$6"),
                    " ORDER BY p.id LIMIT $4"
                ),
                arguments,
            )
            .await?;
        rows.iter().map(|row| Ok((row.get("id")?, row.get("account_id")?))).collect()
    }

    async fn resend_batch(
        &self,
        writer: &str,
        district: DistrictId,
        task: TaskId,
        by: &str,
        page: &[(ItemId, AccountId)],
    ) -> Sql<Option<Resent>> {
        let mut tx = self.db.begin().await?;
        let Some(row) = locked(&mut tx, district, task).await? else { return Ok(None) };
        let request: ResetRequest = serde_json::from_str(&row.get::<String>("request")?)
            .map_err(|error| Failure::row(format!("a task's request cannot be read: {error}")))?;
        let accounts: BTreeSet<AccountId> = page.iter().map(|(_, account)| *account).collect();
        tx.all("SELECT id FROM accounts WHERE id {in $1 uuid} ORDER BY id {lock}", args![json_arg(&accounts)]).await?;
        let untold = read(&mut tx, page).await?;
        let contacts = contacts(&mut tx, &accounts.into_iter().collect::<Vec<_>>()).await?;
        let (mut rows, mut told) = (Vec::new(), Vec::new());
        let mut left: BTreeMap<Code, u64> = BTreeMap::new();
        for one in &untold {
            match messages(district, task, one, &request, &contacts) {
                Ok(messages) => {
                    rows.extend(messages);
                    told.push(one.item);
                }
                Err(code) => *left.entry(code).or_default() += 1,
            }
        }
        let mut state: TaskState = row.word("state")?;
        let again = u64::try_from(told.len()).unwrap_or(u64::MAX);
        if !told.is_empty() {
            tell(&mut tx, &told, &rows).await?;
            state = reopen(&mut tx, task, state).await?;
            let fact = Fact::TaskResent(TaskResent { task, again });
            journal::events(&mut tx, &[NewEvent { district, fact }]).await?;
            note(&mut tx, district, task, "task.resent", format!("{again} items told again"), by).await?;
            let mut deltas = Deltas::default();
            let moved = i64::try_from(again).unwrap_or_default();
            deltas.of(task).add(ItemState::Undelivered, -moved);
            deltas.of(task).add(ItemState::Reset, moved);
            deltas.store(&mut tx, writer).await?;
            tx.commit().await?;
        }
        Ok(Some(Resent { state, again, left: left.into_iter().collect() }))
    }
}

/// Locks the items and reads what can be said about each. The accounts are locked: what is read stays true.
async fn read(tx: &mut Tx, page: &[(ItemId, AccountId)]) -> Sql<Vec<Untold>> {
    let items: Vec<ItemId> = page.iter().map(|(item, _)| *item).collect();
    let rows = tx
        .all(
            "SELECT i.id, i.account_id, i.credential_version, {now} AS now, a.credential_version AS current_version,
                 a.expires_at AS password_expires_at, p.expires_at AS seal_expires_at, p.kind,
                 (p.kind = 'link' AND NOT EXISTS (SELECT 1 FROM links l
                     WHERE l.account_id = i.account_id AND l.item_id = i.id)) AS unlinked,
                 (SELECT count(*) FROM notifications n WHERE n.item_id = i.id) AS messages,
                 (SELECT COALESCE(MAX(n.round), 0) FROM notifications n WHERE n.item_id = i.id) AS round
             FROM items i JOIN accounts a ON a.id = i.account_id LEFT JOIN sealed_passwords p ON p.item_id = i.id
             WHERE i.id {in $1 bigint} AND i.state = 'undelivered' ORDER BY i.id {lock i}",
            args![json_arg(&items)],
        )
        .await?;
    rows.iter().map(untold).collect()
}

fn untold(row: &Row) -> Sql<Untold> {
    let now: Millis = row.get("now")?;
    let version: Option<i64> = row.get("credential_version")?;
    let ended = |at: Option<Millis>| at.is_some_and(|at| at <= now);
    let seal: Option<Millis> = row.get("seal_expires_at")?;
    // A link leads on, whatever became of the password; unless a newer task has sent another one.
    let link = row.get::<Option<String>>("kind")?.as_deref() == Some("link");
    let obstacle = if version != Some(row.get("current_version")?) || (link && row.get("unlinked")?) {
        Some(Code::S06)
    } else if seal.is_none() || ended(seal) || (!link && ended(row.get("password_expires_at")?)) {
        Some(Code::N08)
    } else {
        None
    };
    let messages = row.get::<i64>("messages")?;
    Ok(Untold {
        item: row.get("id")?,
        account: row.get("account_id")?,
        version: version.unwrap_or_default(),
        place: Place { number: usize::try_from(messages).unwrap_or_default(), round: row.get::<i32>("round")? + 1 },
        obstacle,
    })
}

/// The messages of one item, or why there is none.
fn messages(
    district: DistrictId,
    task: TaskId,
    one: &Untold,
    request: &ResetRequest,
    contacts: &HashMap<AccountId, Contacts>,
) -> Result<Vec<NewNotice>, Code> {
    if let Some(obstacle) = one.obstacle {
        return Err(obstacle);
    }
    let nobody = Contacts::default();
    let reachable = contacts.get(&one.account).unwrap_or(&nobody);
    // Its person was to be told: otherwise it would have ended silent.
    let Plan::Tell(targets) = notice::plan(true, request.channel, request.recipient, reachable) else {
        return Err(Code::N02);
    };
    let row = |(nth, target)| {
        let place = Place { number: one.place.number + nth, ..one.place };
        NewNotice { district, task, item: one.item, account: one.account, version: one.version, place, target }
    };
    Ok(targets.into_iter().enumerate().map(row).collect())
}

/// Stores the messages, for the repair scan to publish; their items are being told again.
async fn tell(tx: &mut Tx, items: &[ItemId], rows: &[NewNotice]) -> Sql<()> {
    let changed = tx
        .run(
            "UPDATE items SET state = 'reset', code = NULL, changed_at = {now}
             WHERE id {in $1 bigint} AND state = 'undelivered'",
            args![json_arg(items)],
        )
        .await?;
    if changed != items.len() as u64 {
        // Cannot be: the items are locked and were undelivered a statement ago.
        return Err(Failure::row(format!("{} items were to be told again but {changed} changed", items.len())));
    }
    insert_notifications(tx, rows, Published::ByTheScan).await?;
    Ok(())
}

/// An ended task goes on until everybody is told: a completed one runs, a cancelled one is cancelling.
async fn reopen(tx: &mut Tx, task: TaskId, state: TaskState) -> Sql<TaskState> {
    let next = match state {
        TaskState::CompletedWithErrors => TaskState::Running,
        TaskState::Cancelled => TaskState::Cancelling,
        TaskState::Running | TaskState::Paused | TaskState::Cancelling => return Ok(state),
        TaskState::Expanding | TaskState::AwaitingApproval | TaskState::Completed | TaskState::Failed => {
            return Err(Failure::row(format!("a task that is {state} has undelivered items")));
        }
    };
    tx.run("UPDATE tasks SET state = $2, finished_at = NULL WHERE id = $1", args![task, next.as_str()]).await?;
    Ok(next)
}
