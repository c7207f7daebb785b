//! Claiming notifications: who may send, decided under the account's lock.

use std::collections::HashMap;
use std::time::Duration;

use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::{AccountId, ItemId, NotificationId};
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{Claim, Claimed, Content};
use keybell_shared::request::{Delivery, Mode};
use keybell_shared::seal::{Sealed, unhex};
use keybell_shared::states::NotificationState;

use super::SqlLedger;
use super::counters::Deltas;
use super::links::{sent, store_validity};
use super::notices::lock_accounts;
use super::settle::settle;
use super::sql::{Cell, Failure, Row, Sql, Tx, args, cells, millis};

/// What is done with one notification.
enum Fate {
    Send(Box<Claim>),
    End(NotificationState, Code),
    /// Another message to the same account by the same channel is on its way.
    WaitUntil(Millis),
    Nothing,
}

impl SqlLedger {
    pub(super) async fn claim_once(
        &self,
        writer: &str,
        notifications: &[NotificationId],
        lease: Duration,
    ) -> Sql<Vec<Claimed>> {
        let mut tx = self.db.begin().await?;
        lock_accounts(&mut tx, notifications).await?;
        let rows = read(&mut tx, notifications).await?;
        // What this claim itself makes busy; what was before it stands in the rows.
        let mut busy = HashMap::new();
        let mut claimed = Vec::with_capacity(notifications.len());
        let (mut claims, mut ends, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut links, mut settling) = (Vec::new(), Vec::new());
        for row in &rows {
            let id: NotificationId = row.get("id")?;
            match fate(row, &busy, lease)? {
                Fate::Send(claim) => {
                    let until = Millis(row.get::<Millis>("now")?.0 + millis(lease));
                    busy.insert((claim.account, claim.channel), until);
                    claims.push(cells![id, i32::try_from(claim.attempt).unwrap_or(i32::MAX), claim.fence, until.0]);
                    if claim.content.delivery == Delivery::Link {
                        links.push(sent(row, &claim)?);
                    }
                    claimed.push(Claimed::Send(claim));
                }
                Fate::End(state, code) => {
                    ends.push(cells![id, state.as_str(), code.as_str()]);
                    settling.push(row.get::<ItemId>("item_id")?);
                    claimed.push(Claimed::Nothing(id));
                }
                Fate::WaitUntil(until) => {
                    waits.push(cells![id, until.0]);
                    claimed.push(Claimed::Nothing(id));
                }
                Fate::Nothing => claimed.push(Claimed::Nothing(id)),
            }
        }
        store_claims(&mut tx, &claims).await?;
        store_validity(&mut tx, &links).await?;
        store_waits(&mut tx, &waits).await?;
        store_ends(&mut tx, &ends).await?;
        let mut deltas = Deltas::default();
        settle(&mut tx, &mut deltas, &settling).await?;
        deltas.store(&mut tx, writer).await?;
        tx.commit().await?;
        Ok(claimed)
    }
}

/// The notifications with everything that a message says; and until when another message to the same account is on its way by
/// the same channel, if one is. They need no lock of their own: whoever changes a notification's state holds the account's.
async fn read(tx: &mut Tx, notifications: &[NotificationId]) -> Sql<Vec<Row>> {
    tx.all(
        "SELECT n.id, n.district_id, n.task_id, n.item_id, n.account_id, n.credential_version, n.channel, n.address,
             n.guardian, n.message_id, n.state, n.attempts, n.fence, n.due_at, {now} AS now,
             (SELECT MAX(o.lease_until) FROM notifications o
              WHERE o.account_id = n.account_id AND o.channel = n.channel AND o.state = 'sending') AS busy_until,
             a.credential_version AS current_version, a.given_name, a.family_name, a.username,
             a.changed_at AS password_changed_at, a.expires_at AS password_expires_at, a.must_change,
             d.slug, d.name AS district_name, s.name AS school_name, p.attempt_id, p.key_id, p.sealed, p.kind,
             CASE WHEN p.kind = 'link' THEN NOT EXISTS (SELECT 1 FROM links l WHERE l.account_id = n.account_id
                 AND l.item_id = n.item_id AND l.channel = n.channel) ELSE FALSE END AS unlinked,
             CASE WHEN p.kind = 'link' THEN (SELECT t.mode FROM tasks t WHERE t.id = n.task_id) END AS mode
         FROM notifications n JOIN accounts a ON a.id = n.account_id JOIN districts d ON d.id = n.district_id
             LEFT JOIN schools s ON s.id = a.school_id LEFT JOIN sealed_passwords p ON p.item_id = n.item_id
         WHERE n.id {any $1 bigint} ORDER BY n.id",
        args![notifications],
    )
    .await
}

fn fate(row: &Row, busy: &HashMap<(AccountId, Channel), Millis>, lease: Duration) -> Sql<Fate> {
    let now: Millis = row.get("now")?;
    if row.word::<NotificationState>("state")? != NotificationState::Waiting {
        return Ok(Fate::Nothing);
    }
    let is_link = row.get::<Option<String>>("kind")?.as_deref() == Some("link");
    let obsolete =
        row.get::<i64>("credential_version")? != row.get::<i64>("current_version")? || row.get("unlinked")?;
    if obsolete && !fault::off(Mechanism::VersionCheck) {
        return Ok(Fate::End(NotificationState::Superseded, Code::S06));
    }
    // A link leads on, also when the password that it replaces has expired.
    let expires_at = if is_link { None } else { row.get::<Option<Millis>>("password_expires_at")? };
    if expires_at.is_some_and(|at| at.0 <= now.0 + millis(lease) / 2) {
        // An expired password is never sent; nor one that would expire on the way.
        return Ok(Fate::End(NotificationState::Expired, Code::N08));
    }
    if row.get::<Millis>("due_at")? > now {
        return Ok(Fate::Nothing);
    }
    let channel: Channel = row.word("channel")?;
    let account: AccountId = row.get("account_id")?;
    let until = busy.get(&(account, channel)).copied().or(row.get("busy_until")?);
    if let Some(until) = until.filter(|_| !fault::off(Mechanism::OneSending)) {
        return Ok(Fate::WaitUntil(until));
    }
    let sealed = match (row.get("key_id")?, row.get::<Option<String>>("sealed")?, row.get("attempt_id")?) {
        (Some(key_id), Some(sealed), Some(attempt)) => {
            let bytes = unhex(&sealed).ok_or_else(|| Failure::row("a sealed password is not hexadecimal"))?;
            Some((Sealed { key_id, bytes }, attempt))
        }
        _ => None,
    };
    Ok(Fate::Send(Box::new(Claim {
        notification: row.get("id")?,
        task: row.get("task_id")?,
        district: row.get("district_id")?,
        account,
        fence: row.get::<i64>("fence")? + 1,
        attempt: u32::try_from(row.get::<i32>("attempts")?).unwrap_or_default() + 1,
        channel,
        address: row.get("address")?,
        guardian: row.get("guardian")?,
        message_id: row.get("message_id")?,
        slug: row.get("slug")?,
        sealed,
        content: Content {
            district: row.get("district_name")?,
            school: row.get("school_name")?,
            given_name: row.get("given_name")?,
            family_name: row.get("family_name")?,
            username: row.get("username")?,
            issue: row.get("credential_version")?,
            changed_at: if is_link { None } else { row.get("password_changed_at")? },
            expires_at,
            temporary: row.get("must_change")?,
            delivery: if is_link { Delivery::Link } else { Delivery::Password },
            keeps: row.maybe_word::<Mode>("mode")?.is_some_and(|mode| !mode.sets_password()),
        },
    })))
}

async fn store_claims(tx: &mut Tx, claims: &[[Cell<'_>; 4]]) -> Sql<()> {
    let changed = tx
        .run_rows(
            "UPDATE notifications SET state = 'sending', fence = r.fence, attempts = r.number, lease_until = r.until,
             queued_at = NULL, changed_at = {now}
         FROM {table $1: id bigint, number integer, fence bigint, until bigint} AS r
         WHERE notifications.id = r.id AND notifications.state = 'waiting'",
            claims,
            |rows| args![rows],
        )
        .await?;
    if changed == claims.len() as u64 {
        Ok(())
    } else {
        // Nobody sends what is not stored as claimed. It cannot be, for the account is locked; so look again.
        Err(Failure::Collision(format!("{} notifications were to be claimed and {changed} were", claims.len())))
    }
}

async fn store_waits(tx: &mut Tx, waits: &[[Cell<'_>; 2]]) -> Sql<()> {
    tx.run_rows(
        "UPDATE notifications SET due_at = r.until, queued_at = NULL
         FROM {table $1: id bigint, until bigint} AS r
         WHERE notifications.id = r.id AND notifications.state = 'waiting'",
        waits,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}

/// Ends notifications that will never be sent (again): rows with id, state and code.
pub(super) async fn store_ends(tx: &mut Tx, ends: &[[Cell<'_>; 3]]) -> Sql<()> {
    tx.run_rows(
        "UPDATE notifications SET state = r.state, code = r.code, lease_until = NULL, queued_at = NULL,
             changed_at = {now}
         FROM {table $1: id bigint, state text, code text} AS r
         WHERE notifications.id = r.id AND notifications.state IN ('waiting', 'sending')",
        ends,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}
