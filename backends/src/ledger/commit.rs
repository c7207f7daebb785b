//! Changing passwords: a group of resets in one transaction.
//!
//! Under the accounts' locks each item is decided once ([`keybell_shared::eligibility::decide`]); then every table is
//! written by one statement for the whole group. The lock order is accounts, items, counters.

use std::collections::{BTreeSet, HashMap};

use keybell_shared::codes::Code;
use keybell_shared::eligibility::{Decision, Facts, decide};
use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::message::Message;
use keybell_shared::notice::{self, Plan, Target};
use keybell_shared::ports::ledger::{ResetOutcome, ResetWrite};
use keybell_shared::seal::hex;
use keybell_shared::states::ItemState;
use serde_json::{Value as Json, json};

use super::SqlLedger;
use super::contacts::contacts;
use super::counters::Deltas;
use super::facts::{facts, facts_of_items};
use super::journal::{self, NewAudit, NewEvent};
use super::requests::{self, REQUESTS, TaskRequest};
use super::resets::notification_message;
use super::sql::{Failure, Sql, Tx, args, json as json_arg};

/// One item under its account's lock, with the decision about it.
struct Decided<'a> {
    write: &'a ResetWrite,
    task: TaskId,
    district: DistrictId,
    facts: Facts,
    version: i64,
    decision: Decision,
    plan: Plan,
}

impl Decided<'_> {
    /// The state and code that the item gets; `None` leaves it as it is.
    fn end(&self) -> Option<(ItemState, Option<Code>)> {
        match (self.decision, &self.plan) {
            (Decision::Reset, Plan::Tell(_)) => Some((ItemState::Reset, None)),
            (Decision::Reset, Plan::Silent) => Some((ItemState::Silent, Some(Code::N01))),
            (Decision::Reset, Plan::Unreachable) => Some((ItemState::Undelivered, Some(Code::N02))),
            (Decision::Skip(code), _) => Some((ItemState::Skipped, Some(code))),
            (Decision::Supersede, _) => Some((ItemState::Superseded, Some(Code::S06))),
            (Decision::Hold | Decision::Closed, _) => None,
        }
    }

    fn is_reset(&self) -> bool {
        self.decision == Decision::Reset
    }
}

impl SqlLedger {
    /// Decides and stores one group.
    pub(super) async fn commit_group(&self, writer: &str, resets: &[ResetWrite]) -> Sql<Vec<(ItemId, ResetOutcome)>> {
        let mut tx = self.db.begin().await?;
        let group = decide_group(&mut tx, resets).await?;
        store_items(&mut tx, &group).await?;
        store_accounts(&mut tx, &group).await?;
        store_seals(&mut tx, &group).await?;
        let mut messages = store_notifications(&mut tx, &group).await?;
        store_journal(&mut tx, writer, &group).await?;
        let mut deltas = Deltas::default();
        for decided in &group {
            if let Some((state, _)) = decided.end() {
                deltas.of(decided.task).step(decided.facts.item, state);
            }
        }
        deltas.store(&mut tx, writer).await?;
        if let Err(failure) = tx.commit().await {
            self.find_out(&group, failure).await?;
        }
        Ok(group
            .iter()
            .map(|decided| {
                let outcome = if decided.is_reset() {
                    ResetOutcome::Changed(messages.remove(&decided.write.item).unwrap_or_default())
                } else {
                    ResetOutcome::NotChanged(decided.decision)
                };
                (decided.write.item, outcome)
            })
            .collect())
    }

    /// The answer to COMMIT was lost: whose write does the ledger have? The items' locks are awaited first, so that a
    /// commit that is still under way is not mistaken for one that never came.
    async fn find_out(&self, group: &[Decided<'_>], failure: Failure) -> Sql<()> {
        let Failure::Unavailable(reason) = failure else { return Err(failure) };
        let Some(sample) = group.iter().find(|decided| decided.is_reset()) else {
            return Err(Failure::Unavailable(reason));
        };
        let mut tx = self.db.begin().await?;
        let row = tx.first("SELECT attempt_id FROM items WHERE id = $1 {lock}", args![sample.write.item]).await?;
        let ours = match row {
            Some(row) => row.get::<Option<keybell_shared::ids::AttemptId>>("attempt_id")? == Some(sample.write.attempt),
            None => false,
        };
        if ours {
            tracing::warn!(reason, "the answer to a commit was lost; the attempt id shows that it was made");
            Ok(())
        } else {
            Err(Failure::Unavailable(reason))
        }
    }
}

/// Locks the accounts, then the items, and decides each.
async fn decide_group<'a>(tx: &mut Tx, writes: &'a [ResetWrite]) -> Sql<Vec<Decided<'a>>> {
    let accounts: BTreeSet<AccountId> = writes.iter().map(|write| write.account).collect();
    tx.all("SELECT id FROM accounts WHERE id {in $1 uuid} ORDER BY id {lock}", args![json_arg(&accounts)]).await?;
    let items: Vec<ItemId> = writes.iter().map(|write| write.item).collect();
    let rows = tx
        .all(concat!(facts_of_items!(""), "WHERE i.id {in $1 bigint} ORDER BY i.id {lock i}"), args![json_arg(&items)])
        .await?;
    let tasks: BTreeSet<TaskId> = rows.iter().map(|row| row.get("task_id")).collect::<Sql<_>>()?;
    let requests = requests::read(&tx.all(REQUESTS, args![json_arg(&tasks)]).await?)?;
    let accounts: Vec<AccountId> = accounts.into_iter().collect();
    let contacts = contacts(tx, &accounts).await?;
    let by_item: HashMap<ItemId, &ResetWrite> = writes.iter().map(|write| (write.item, write)).collect();
    let mut group = Vec::with_capacity(rows.len());
    for row in &rows {
        let task: TaskId = row.get("task_id")?;
        let account: AccountId = row.get("account_id")?;
        let Some(write) = by_item.get(&row.get("item")?).copied() else { continue };
        let Some(TaskRequest { request, .. }) = requests.get(&task) else { continue };
        let facts = facts(row)?;
        let told = notice::is_told(request.notify, request.password.is_generated());
        let reachable = contacts.get(&account).cloned().unwrap_or_default();
        let plan = notice::plan(told, request.channel, request.recipient, &reachable);
        let mut decision = decide(&facts);
        let incomplete = write.hash.is_empty() || (told && write.sealed.is_none());
        if decision == Decision::Reset && (incomplete || write.account != account) {
            // The worker saw another decision and brought no password: the next dispatch brings one.
            decision = Decision::Hold;
        }
        group.push(Decided {
            write,
            task,
            district: row.get("district_id")?,
            version: row.get::<i64>("credential_version")? + 1,
            facts,
            decision,
            plan,
        });
    }
    Ok(group)
}

async fn store_items(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<Json> = group
        .iter()
        .filter_map(|decided| {
            let (state, code) = decided.end()?;
            let reset = decided.is_reset();
            Some(json!({
                "item": decided.write.item,
                "state": state,
                "code": code,
                "attempt": reset.then_some(decided.write.attempt),
                "version": reset.then_some(decided.version),
            }))
        })
        .collect();
    let held: Vec<ItemId> =
        group.iter().filter(|decided| decided.decision == Decision::Hold).map(|decided| decided.write.item).collect();
    if !held.is_empty() {
        tx.run(
            "UPDATE items SET state = 'pending', queued_at = NULL, changed_at = {now}
             WHERE id {in $1 bigint} AND state = 'queued'",
            args![json_arg(&held)],
        )
        .await?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    let changed = tx
        .run(
            "UPDATE items SET state = r.state, code = r.code, attempt_id = r.attempt, credential_version = r.version,
                 changed_at = {now}
             FROM {rows $1: item bigint, state text, code text, attempt uuid, version bigint} AS r
             WHERE items.id = r.item AND items.state IN ('pending', 'queued')",
            args![json_arg(&rows)],
        )
        .await?;
    if changed == rows.len() as u64 {
        Ok(())
    } else {
        // Cannot be: the items are locked and were open a statement ago.
        Err(Failure::row(format!("{} items were decided but {changed} changed", rows.len())))
    }
}

async fn store_accounts(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<Json> = group
        .iter()
        .filter(|decided| decided.is_reset())
        .map(|decided| {
            let ttl = decided.write.expires_in.map(millis);
            json!({
                "account": decided.write.account,
                "hash": decided.write.hash,
                "seq": decided.facts.task_seq,
                "temporary": ttl.is_some(),
                "ttl": ttl,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE accounts SET password_hash = r.hash, credential_version = accounts.credential_version + 1,
             last_reset_seq = r.seq, must_change = r.temporary, changed_at = {now}, expires_at = {now} + r.ttl,
             sessions_valid_after = {now}, wrong_sign_ins = 0, throttled_until = 0
         FROM {rows $1: account uuid, hash text, seq bigint, temporary boolean, ttl bigint} AS r
         WHERE accounts.id = r.account",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}

async fn store_seals(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<Json> = group
        .iter()
        .filter(|decided| decided.is_reset() && decided.plan != Plan::Silent)
        .filter_map(|decided| {
            let sealed = decided.write.sealed.as_ref()?;
            Some(json!({
                "item": decided.write.item,
                "account": decided.write.account,
                "attempt": decided.write.attempt,
                "key_id": sealed.key_id,
                "sealed": hex(&sealed.bytes),
                "ttl": millis(decided.write.seal_ttl),
            }))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    tx.run(
        "INSERT INTO sealed_passwords (item_id, account_id, attempt_id, key_id, sealed, expires_at)
         SELECT r.item, r.account, r.attempt, r.key_id, r.sealed, {now} + r.ttl
         FROM {rows $1: item bigint, account uuid, attempt uuid, key_id text, sealed text, ttl bigint} AS r",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}

/// Inserts the first notifications of every reset. They count as published: that is the very next thing to happen.
async fn store_notifications(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<HashMap<ItemId, Vec<Message>>> {
    let mut rows: Vec<Json> = Vec::new();
    for decided in group.iter().filter(|decided| decided.is_reset()) {
        if let Plan::Tell(targets) = &decided.plan {
            for (number, target) in targets.iter().enumerate() {
                rows.push(notification_row(
                    decided.district,
                    decided.task,
                    decided.write.item,
                    decided.write.account,
                    decided.version,
                    number,
                    target,
                ));
            }
        }
    }
    let mut messages: HashMap<ItemId, Vec<Message>> = HashMap::new();
    for row in insert_notifications(tx, &rows).await? {
        messages.entry(row.get("item_id")?).or_default().push(notification_message(&row)?);
    }
    Ok(messages)
}

/// A row for [`insert_notifications`]. The message id is made once and for all: whatever is sent again after a crash
/// carries the same one.
pub(super) fn notification_row(
    district: DistrictId,
    task: TaskId,
    item: ItemId,
    account: AccountId,
    version: i64,
    number: usize,
    target: &Target,
) -> Json {
    json!({
        "district": district, "task": task, "item": item, "account": account, "version": version,
        "channel": target.channel, "address": target.address, "guardian": target.guardian,
        "message_id": format!("{}.{item}.{version}.{number}@keybell", task.0.simple()),
    })
}

/// Inserts notifications that are due now and about to be published.
pub(super) async fn insert_notifications(tx: &mut Tx, rows: &[Json]) -> Sql<Vec<super::sql::Row>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    tx.all(
        "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
             guardian, message_id, state, due_at, queued_at, changed_at)
         SELECT r.district, r.task, r.item, r.account, r.version, r.channel, r.address, r.guardian, r.message_id,
             'waiting', {now}, {now}, {now}
         FROM {rows $1: district uuid, task uuid, item bigint, account uuid, version bigint, channel text, address text,
             guardian boolean, message_id text} AS r
         RETURNING id, item_id, task_id, district_id, channel",
        args![json_arg(rows)],
    )
    .await
}

async fn store_journal(tx: &mut Tx, writer: &str, group: &[Decided<'_>]) -> Sql<()> {
    let resets = || group.iter().filter(|decided| decided.is_reset());
    let new_events: Vec<NewEvent> = resets()
        .map(|decided| NewEvent {
            district: decided.district,
            kind: "account.credential_reset",
            body: json!({"account": decided.write.account, "task": decided.task, "item": decided.write.item,
                         "credential_version": decided.version}),
        })
        .collect();
    journal::events(tx, &new_events).await?;
    let new_audits: Vec<NewAudit> = resets()
        .map(|decided| NewAudit {
            district: decided.district,
            actor: writer.to_owned(),
            action: "account.reset",
            subject: format!("account {}", decided.write.account),
            detail: format!("task {}, item {}, version {}", decided.task, decided.write.item, decided.version),
        })
        .collect();
    journal::audits(tx, &new_audits).await
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
