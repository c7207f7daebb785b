//! Signing in, and the password that a person chooses.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::Millis;
use keybell_shared::events::{Fact, PasswordChanged};
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, DistrictId, ItemId};
use keybell_shared::ports::ledger::{AccountLedger, LedgerResult, SignIn};

use super::SqlLedger;
use super::counters::Deltas;
use super::journal::{self, NewAudit, NewEvent};
use super::resets::forbidden;
use super::settle::settle;
use super::sql::{Row, Sql, Tx, args};

#[async_trait]
impl AccountLedger for SqlLedger {
    async fn sign_in(&self, district: DistrictId, username: &str) -> LedgerResult<Option<SignIn>> {
        let row = self
            .db
            .read_first(
                "SELECT a.id, a.username, a.password_hash, a.password_policy, a.credential_version, a.must_change, a.expires_at,
                     a.sessions_valid_after, a.throttled_until, (a.active AND a.managed_by IS NULL
                         AND a.managed_mark IS NULL) AS usable,
                     {now} AS now, s.name AS school_name, d.name AS district_name
                 FROM accounts a JOIN districts d ON d.id = a.district_id LEFT JOIN schools s ON s.id = a.school_id
                 WHERE a.district_id = $1 AND a.username_key = $2",
                args![district, username_key(username)],
            )
            .await?;
        Ok(row.map(|row| read(&row)).transpose()?)
    }

    async fn try_sign_in(&self, account: AccountId) -> LedgerResult<bool> {
        // The fifth in a row waits 1 s, each further one twice as long, from the fifteenth on 15 minutes.
        let counted = self
            .db
            .retrying(|| {
                self.db.run(
                    "UPDATE accounts SET wrong_sign_ins = wrong_sign_ins + 1,
                         throttled_until = CASE
                             WHEN wrong_sign_ins + 1 < 5 THEN throttled_until
                             WHEN wrong_sign_ins + 1 < 15 THEN {now} + 1000 * (1 << (wrong_sign_ins + 1 - 5))
                             ELSE {now} + 900000 END
                     WHERE id = $1 AND throttled_until <= {now}",
                    args![account],
                )
            })
            .await?;
        Ok(counted > 0)
    }

    async fn sign_in_succeeded(&self, account: AccountId) -> LedgerResult<()> {
        self.db
            .retrying(|| {
                self.db.run(
                    "UPDATE accounts SET wrong_sign_ins = 0, throttled_until = 0
                     WHERE id = $1 AND (wrong_sign_ins > 0 OR throttled_until > 0)",
                    args![account],
                )
            })
            .await?;
        Ok(())
    }

    async fn change_password(
        &self,
        writer: &str,
        account: AccountId,
        credential_version: i64,
        hash: &str,
    ) -> LedgerResult<bool> {
        Ok(self.db.retrying(|| self.change_once(writer, account, credential_version, hash)).await?)
    }
}

impl SqlLedger {
    async fn change_once(&self, writer: &str, account: AccountId, version: i64, hash: &str) -> Sql<bool> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .first(
                "SELECT district_id, credential_version, password_hash FROM accounts
                 WHERE id = $1 AND active AND managed_by IS NULL AND managed_mark IS NULL {lock}",
                args![account],
            )
            .await?;
        let Some(row) = row else { return Ok(false) };
        let current: i64 = row.get("credential_version")?;
        if current != version {
            // A hash has a salt of its own: when it is the stored one, an earlier try of this call was stored and
            // only its answer was lost.
            let stored: Option<String> = row.get("password_hash")?;
            return Ok(current == version + 1 && stored.as_deref() == Some(hash));
        }
        let mut deltas = Deltas::default();
        let district = row.get("district_id")?;
        store_chosen(&mut tx, writer, &mut deltas, district, account, current + 1, hash).await?;
        deltas.store(&mut tx, writer).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Stores a password that its owner chose, under the account's lock, with everything that follows: sessions end, links
/// and messages about older ones are obsolete.
pub(super) async fn store_chosen(
    tx: &mut Tx,
    writer: &str,
    deltas: &mut Deltas,
    district: DistrictId,
    account: AccountId,
    version: i64,
    hash: &str,
) -> Sql<()> {
    tx.run(
        "UPDATE accounts SET password_hash = $2, credential_version = $3, must_change = FALSE, quick_login = FALSE,
             changed_at = {now}, expires_at = NULL, sessions_valid_after = {now}, wrong_sign_ins = 0,
             throttled_until = 0
         WHERE id = $1",
        args![account, hash, version],
    )
    .await?;
    tx.run("DELETE FROM links WHERE account_id = $1", args![account]).await?;
    let items = supersede(tx, account, version).await?;
    settle(tx, deltas, &items).await?;
    let fact = Fact::PasswordChanged(PasswordChanged { account, credential_version: version });
    journal::events(tx, &[NewEvent { district, fact }]).await?;
    let audit = NewAudit {
        district,
        actor: writer.to_owned(),
        action: "account.password_changed",
        subject: format!("account {account}"),
        detail: format!("version {version}"),
    };
    journal::audits(tx, &[audit]).await
}

/// Nobody needs to hear of a password that is no more: waiting notifications of older versions end. What is being sent
/// right now is left to its sender. Answers the items that they belong to.
async fn supersede(tx: &mut Tx, account: AccountId, version: i64) -> Sql<Vec<ItemId>> {
    let rows = tx
        .all(
            "UPDATE notifications SET state = 'superseded', code = 'S06', queued_at = NULL, changed_at = {now}
             WHERE account_id = $1 AND state = 'waiting' AND state IN ('waiting', 'sending')
                 AND credential_version < $2
             RETURNING item_id",
            args![account, version],
        )
        .await?;
    rows.iter().map(|row| row.get("item_id")).collect()
}

fn read(row: &Row) -> Sql<SignIn> {
    let now: Millis = row.get("now")?;
    let expires_at: Option<Millis> = row.get("expires_at")?;
    let wait = row.get::<Millis>("throttled_until")?.0 - now.0;
    Ok(SignIn {
        account: row.get("id")?,
        username: row.get("username")?,
        hash: row.get("password_hash")?,
        credential_version: row.get("credential_version")?,
        usable: row.get("usable")?,
        must_change: row.get("must_change")?,
        expired: expires_at.is_some_and(|at| at <= now),
        expires_at,
        sessions_valid_after: row.get("sessions_valid_after")?,
        throttled_for: u64::try_from(wait).ok().filter(|wait| *wait > 0).map(Duration::from_millis),
        forbidden: forbidden(row)?,
        policy: row.word("password_policy")?,
    })
}
