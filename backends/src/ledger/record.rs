//! Storing how sending went.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keybell_shared::codes::Code;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::{AccountId, ItemId, NotificationId, TaskId};
use keybell_shared::message::Message;
use keybell_shared::notice::{self, Channel};
use keybell_shared::ports::ledger::{SendOutcome, SendReport};
use keybell_shared::request::ChannelRule;
use keybell_shared::retry::MAX_ATTEMPTS;
use keybell_shared::states::NotificationState;

use super::SqlLedger;
use super::attempts::Attempts;
use super::claim::store_ends;
use super::contacts::contacts;
use super::counters::Deltas;
use super::new_notices::{NewNotice, Place, Published, insert_notifications};
use super::notices::lock_known;
use super::requests::Requests;
use super::resets::notification_message;
use super::settle::settle;
use super::sql::{Cell, Row, Sql, Tx, args, cells, json as json_arg, millis};

impl SqlLedger {
    pub(super) async fn record_once(&self, writer: &str, reports: &[SendReport]) -> Sql<Vec<Message>> {
        let by_id: BTreeMap<NotificationId, &SendReport> =
            reports.iter().map(|report| (report.notification, report)).collect();
        let ids: Vec<NotificationId> = by_id.keys().copied().collect();
        let mut tx = self.db.begin().await?;
        lock_known(&mut tx, &reports.iter().map(|report| report.account).collect()).await?;
        // No locks of their own: whoever changes a notification's state holds its account's.
        let rows = tx
            .all(
                "SELECT id, task_id, item_id, account_id, state, attempts, fence, changed_at FROM notifications
                 WHERE id {any $1 bigint} ORDER BY id",
                args![&*ids],
            )
            .await?;
        let (mut results, mut attempts) = (Results::default(), Attempts::default());
        for row in &rows {
            let account: AccountId = row.get("account_id")?;
            let Some(report) = by_id.get(&row.get("id")?) else { continue };
            if report.account != account {
                // Cannot be: a report repeats its claim. The account's lock is not held, so nothing may change.
                tracing::error!(notification = %report.notification, "a result names another account and was not taken");
                continue;
            }
            let sending = row.word::<NotificationState>("state")? == NotificationState::Sending;
            let fenced = !sending || row.get::<i64>("fence")? != report.fence;
            attempts.ended(row, report, fenced)?;
            if fenced && !fault::off(Mechanism::Fence) {
                // Taken over after its lease: the late result is kept with the attempt, and changes nothing.
                tracing::warn!(notification = %report.notification, "a late result was not taken");
                continue;
            }
            results.take(row, report)?;
        }
        attempts.store(&mut tx).await?;
        let messages = results.store(&mut tx, &self.requests, writer).await?;
        tx.commit().await?;
        Ok(messages)
    }
}

/// What a set of results changes.
#[derive(Default)]
pub(super) struct Results {
    ends: Vec<[Cell<'static>; 3]>,
    again: Vec<[Cell<'static>; 3]>,
    failed: Vec<NotificationId>,
    items: Vec<ItemId>,
    freed: BTreeSet<AccountId>,
    deltas: Deltas,
}

impl Results {
    /// One result whose fence holds.
    fn take(&mut self, row: &Row, report: &SendReport) -> Sql<()> {
        let attempts = u32::try_from(row.get::<i32>("attempts")?).unwrap_or_default();
        match report.outcome {
            SendOutcome::Accepted => self.end(row, NotificationState::Accepted, Code::N00),
            SendOutcome::Permanent if fault::off(Mechanism::PermanentAnswer) => {
                self.temporary(row, attempts, std::time::Duration::from_secs(1))
            }
            SendOutcome::Permanent => self.end(row, NotificationState::Failed, Code::N05),
            SendOutcome::Temporary { retry_in } => self.temporary(row, attempts, retry_in),
            SendOutcome::ChannelDown { retry_in } => {
                // Nobody's attempt is consumed.
                self.wait(row, attempts.saturating_sub(1), retry_in)
            }
        }
    }

    /// The attempt counts: again after a while, or the end when none is left.
    pub(super) fn temporary(&mut self, row: &Row, attempts: u32, retry_in: std::time::Duration) -> Sql<()> {
        if attempts >= MAX_ATTEMPTS && !fault::off(Mechanism::RetryLimit) {
            return self.end(row, NotificationState::Failed, Code::N04);
        }
        self.deltas.of(row.get::<TaskId>("task_id")?).retries += 1;
        self.wait(row, attempts, retry_in)
    }

    pub(super) fn end(&mut self, row: &Row, state: NotificationState, code: Code) -> Sql<()> {
        let id: NotificationId = row.get("id")?;
        self.ends.push(cells![id, state.as_str(), code.as_str()]);
        if state == NotificationState::Failed {
            self.failed.push(id);
        }
        self.items.push(row.get("item_id")?);
        self.freed.insert(row.get("account_id")?);
        Ok(())
    }

    fn wait(&mut self, row: &Row, attempts: u32, retry_in: std::time::Duration) -> Sql<()> {
        let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
        self.again.push(cells![row.get::<NotificationId>("id")?, attempts, millis(retry_in)]);
        self.freed.insert(row.get("account_id")?);
        Ok(())
    }

    /// Stores everything and answers the messages that are due now because of it.
    pub(super) async fn store(mut self, tx: &mut Tx, requests: &Requests, writer: &str) -> Sql<Vec<Message>> {
        store_ends(tx, &self.ends).await?;
        tx.run_rows(
            "UPDATE notifications SET state = 'waiting', attempts = r.attempts, due_at = {now} + r.wait,
                 lease_until = NULL, queued_at = NULL, changed_at = {now}
             FROM {table $1: id bigint, attempts integer, wait bigint} AS r
             WHERE notifications.id = r.id AND notifications.state = 'sending'",
            &self.again,
            |rows| args![rows],
        )
        .await?;
        let mut messages = cascade(tx, requests, &self.failed).await?;
        settle(tx, &mut self.deltas, &self.items).await?;
        messages.extend(wake(tx, &self.freed).await?);
        self.deltas.store(tx, writer).await?;
        Ok(messages)
    }
}

/// What was tried to tell about an item.
#[derive(Default)]
struct Told {
    /// In this round.
    tried: Vec<(Channel, String)>,
    /// How many messages there were, over all rounds.
    messages: usize,
}

/// The next step of each cascade whose last step has just failed, inserted in the same transaction. A re-send starts its
/// cascade anew, so only the messages of the same round count as tried.
async fn cascade(tx: &mut Tx, requests: &Requests, failed: &[NotificationId]) -> Sql<Vec<Message>> {
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .all(
            "SELECT n.id, n.item_id, n.task_id, n.district_id, n.account_id, n.credential_version, n.round,
                 o.channel, o.address, o.round AS other_round
             FROM notifications n JOIN notifications o ON o.item_id = n.item_id
             WHERE n.id {in $1 bigint} ORDER BY n.id, o.id",
            args![json_arg(failed)],
        )
        .await?;
    let tasks: BTreeSet<TaskId> = rows.iter().map(|row| row.get("task_id")).collect::<Sql<_>>()?;
    let requests = requests.within(tx, &tasks).await?;
    let accounts: BTreeSet<AccountId> = rows.iter().map(|row| row.get("account_id")).collect::<Sql<_>>()?;
    let contacts = contacts(tx, &accounts.into_iter().collect::<Vec<_>>()).await?;
    let mut told: HashMap<ItemId, Told> = HashMap::new();
    for row in &rows {
        let told = told.entry(row.get("item_id")?).or_default();
        told.messages += 1;
        if row.get::<i32>("round")? == row.get::<i32>("other_round")? {
            told.tried.push((row.word("channel")?, row.get("address")?));
        }
    }
    let mut next = Vec::new();
    for row in &rows {
        let item: ItemId = row.get("item_id")?;
        let task: TaskId = row.get("task_id")?;
        let account: AccountId = row.get("account_id")?;
        // Each item once: its rows follow each other, one per notification that it ever had.
        let Some(Told { tried, messages }) = told.remove(&item) else { continue };
        let Some(known) = requests.get(&task) else { continue };
        if known.request.channel != ChannelRule::Cascade {
            continue;
        }
        let reachable = contacts.get(&account).cloned().unwrap_or_default();
        if let Some(target) = notice::next_step(known.request.recipient, &reachable, &tried) {
            let version = row.get("credential_version")?;
            let place = Place { number: messages, round: row.get("round")? };
            next.push(NewNotice { district: row.get("district_id")?, task, item, account, version, place, target });
        }
    }
    insert_notifications(tx, &next, Published::AtOnce).await?.iter().map(notification_message).collect()
}

/// Makes due what waited only because another message to the same account was on its way.
async fn wake(tx: &mut Tx, freed: &BTreeSet<AccountId>) -> Sql<Vec<Message>> {
    if freed.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .all(
            "UPDATE notifications SET due_at = {now}, queued_at = {now}
             WHERE account_id {in $1 uuid} AND state = 'waiting' AND attempts = 0 AND queued_at IS NULL
                 AND fence = 0 AND due_at > {now}
             RETURNING id, item_id, task_id, district_id, channel",
            args![json_arg(freed)],
        )
        .await?;
    rows.iter().map(notification_message).collect()
}
