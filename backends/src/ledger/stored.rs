//! What a decided group of resets writes: one statement per table, for the whole group.

use std::collections::HashMap;

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::events::{ChangeRequested, CredentialReset, Fact};
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::ItemId;
use keybell_shared::message::Message;
use keybell_shared::notice::Plan;
use keybell_shared::seal::{Sealed, hex};

use super::decided::Decided;
use super::journal::{self, NewAudit, NewEvent};
use super::new_notices::{NewNotice, Place, Published, insert_notifications};
use super::resets::notification_message;
use super::sql::{Failure, Sql, Tx, args, cells, json as json_arg, millis};

/// How an item gets its new state, whatever it was; continue with ` AND` and what it must have been.
macro_rules! new_states {
    () => {
        "UPDATE items SET state = r.state, code = r.code, attempt_id = r.attempt, credential_version = r.version,
             changed_at = {now}
         FROM {table $1: item bigint, state text, code text, attempt uuid, version bigint} AS r
         WHERE items.id = r.item"
    };
}

pub(super) async fn store_items(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<_> = group
        .iter()
        .filter_map(|decided| {
            let (state, code) = decided.end()?;
            let reset = decided.is_reset();
            Some(cells![
                decided.write.item,
                state.as_str(),
                code.map(Code::as_str),
                reset.then_some(decided.write.attempt),
                reset.then_some(decided.version),
            ])
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
    let guarded = concat!(new_states!(), " AND items.state IN ('pending', 'queued')");
    let statement = if fault::off(Mechanism::ItemGuard) { new_states!() } else { guarded };
    let changed = tx.run_rows(statement, &rows, |rows| args![rows]).await?;
    if changed == rows.len() as u64 {
        Ok(())
    } else {
        // Cannot be: the items are locked and were open a statement ago.
        Err(Failure::row(format!("{} items were decided but {changed} changed", rows.len())))
    }
}

pub(super) async fn store_accounts(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<_> = group
        .iter()
        .filter(|decided| decided.sets_password())
        .map(|decided| {
            let ttl = decided.write.expires_in.map(millis);
            cells![
                decided.write.account,
                &decided.write.hash,
                decided.facts.task_seq,
                ttl.is_some() || decided.asks,
                ttl,
                decided.request.policy.as_str(),
            ]
        })
        .collect();
    store_asked(tx, group).await?;
    tx.run_rows(
        "UPDATE accounts SET password_hash = r.hash, password_policy = r.policy, credential_version = accounts.credential_version + 1,
             last_reset_seq = r.seq, must_change = r.temporary, changed_at = {now}, expires_at = {now} + r.ttl,
             sessions_valid_after = {now}, wrong_sign_ins = 0, throttled_until = 0
         FROM {table $1: account uuid, hash text, seq bigint, temporary boolean, ttl bigint, policy text} AS r
         WHERE accounts.id = r.account",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}

/// Accounts whose people are only asked: password, version and sessions stay.
async fn store_asked(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let rows: Vec<_> = group
        .iter()
        .filter(|decided| decided.is_reset() && !decided.sets_password())
        .map(|decided| cells![decided.write.account, decided.facts.task_seq])
        .collect();
    tx.run_rows(
        "UPDATE accounts SET last_reset_seq = r.seq, must_change = TRUE
         FROM {table $1: account uuid, seq bigint} AS r WHERE accounts.id = r.account",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}

pub(super) async fn store_seals(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let sealed: Vec<(&Decided<'_>, &Sealed, String)> = group
        .iter()
        .filter(|decided| decided.is_reset() && decided.plan != Plan::Silent)
        .filter_map(|decided| decided.write.sealed.as_ref().map(|sealed| (decided, sealed, hex(&sealed.bytes))))
        .collect();
    let rows: Vec<_> = sealed
        .iter()
        .map(|(decided, sealed, bytes)| {
            cells![
                decided.write.item,
                decided.write.account,
                decided.write.attempt,
                &sealed.key_id,
                bytes,
                millis(decided.write.seal_ttl),
                if decided.sends_link { "link" } else { "password" },
            ]
        })
        .collect();
    tx.run_rows(
        "INSERT INTO sealed_passwords (item_id, account_id, attempt_id, key_id, sealed, expires_at, kind)
         SELECT r.item, r.account, r.attempt, r.key_id, r.sealed, {now} + r.ttl, r.kind
         FROM {table $1: item bigint, account uuid, attempt uuid, key_id text, sealed text, ttl bigint, kind text} AS r",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}

/// Inserts the first notifications of every reset. They count as published: that is the very next thing to happen.
pub(super) async fn store_notifications(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<HashMap<ItemId, Vec<Message>>> {
    let mut rows: Vec<NewNotice> = Vec::new();
    for decided in group.iter().filter(|decided| decided.is_reset()) {
        if let Plan::Tell(targets) = &decided.plan {
            for (number, target) in targets.iter().enumerate() {
                rows.push(NewNotice {
                    district: decided.district,
                    task: decided.task,
                    item: decided.write.item,
                    account: decided.write.account,
                    version: decided.version,
                    place: Place { number, round: 0 },
                    target: target.clone(),
                });
            }
        }
    }
    let mut messages: HashMap<ItemId, Vec<Message>> = HashMap::new();
    for row in insert_notifications(tx, &rows, Published::AtOnce).await? {
        messages.entry(row.get("item_id")?).or_default().push(notification_message(&row)?);
    }
    Ok(messages)
}

pub(super) async fn store_journal(tx: &mut Tx, writer: &str, group: &[Decided<'_>]) -> Sql<()> {
    let resets = || group.iter().filter(|decided| decided.is_reset());
    let new_events: Vec<NewEvent> =
        resets().map(|decided| NewEvent { district: decided.district, fact: fact(decided) }).collect();
    journal::events(tx, &new_events).await?;
    let new_audits: Vec<NewAudit> = resets()
        .map(|decided| NewAudit {
            district: decided.district,
            actor: writer.to_owned(),
            action: if decided.sets_password() { "account.reset" } else { "account.change_requested" },
            subject: format!("account {}", decided.write.account),
            detail: format!(
                "task {}, item {}, version {}{}{}",
                decided.task,
                decided.write.item,
                decided.version,
                if decided.request.clear_security_questions { ", security questions to be cleared" } else { "" },
                renamed(decided)
            ),
        })
        .collect();
    journal::audits(tx, &new_audits).await
}

/// What the audit says of a new username.
fn renamed(decided: &Decided<'_>) -> String {
    let said =
        decided.username.as_ref().map(|name| format!(", username changed from {:?} to {:?}", name.from, name.to));
    said.unwrap_or_default()
}

/// What the outside hears of one reset, or of one request to choose a password.
fn fact(decided: &Decided<'_>) -> Fact {
    let (account, task, item) = (decided.write.account, decided.task, decided.write.item);
    let credential_version = decided.version;
    if decided.sets_password() {
        let clear_security_questions = decided.request.clear_security_questions;
        let username = decided.username.as_ref().map(|name| name.to.clone());
        Fact::CredentialReset(CredentialReset {
            account,
            task,
            item,
            credential_version,
            clear_security_questions,
            username,
        })
    } else {
        Fact::ChangeRequested(ChangeRequested { account, task, item, credential_version })
    }
}
