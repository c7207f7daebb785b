//! Telling people: what the notification stages ask. Claiming is in [`super::claim`], results in [`super::record`].

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ids::{AccountId, NotificationId};
use keybell_shared::message::Message;
use keybell_shared::ports::ledger::{Claimed, LedgerResult, NoticeLedger, SendReport};

use super::SqlLedger;
use super::sql::{Sql, Tx, args, json};

#[async_trait]
impl NoticeLedger for SqlLedger {
    async fn claim(
        &self,
        writer: &str,
        notifications: &[NotificationId],
        lease: Duration,
    ) -> LedgerResult<Vec<Claimed>> {
        Ok(self.db.retrying(|| self.claim_once(writer, notifications, lease)).await?)
    }

    async fn record(&self, writer: &str, reports: &[SendReport]) -> LedgerResult<Vec<Message>> {
        Ok(self.db.retrying(|| self.record_once(writer, reports)).await?)
    }

    async fn defer(&self, notifications: &[NotificationId], wait: Duration) -> LedgerResult<()> {
        self.db
            .retrying(|| {
                // A repeated message may name one that waits for its retry: that never becomes due sooner.
                self.db.run(
                    "UPDATE notifications SET queued_at = NULL,
                         due_at = CASE WHEN due_at > {now} + $2 THEN due_at ELSE {now} + $2 END
                     WHERE id {in $1 bigint} AND state = 'waiting'",
                    args![json(notifications), wait],
                )
            })
            .await?;
        Ok(())
    }
}

/// Locks the accounts that these notifications are about, in id order: first in the lock order.
pub(super) async fn lock_accounts(tx: &mut Tx, notifications: &[NotificationId]) -> Sql<()> {
    tx.all(
        "SELECT id FROM accounts WHERE id IN (SELECT account_id FROM notifications WHERE id {any $1 bigint})
         ORDER BY id {lock}",
        args![notifications],
    )
    .await?;
    Ok(())
}

/// Locks accounts that are known already, in id order.
pub(super) async fn lock_known(tx: &mut Tx, accounts: &BTreeSet<AccountId>) -> Sql<()> {
    let accounts: Vec<AccountId> = accounts.iter().copied().collect();
    tx.all("SELECT id FROM accounts WHERE id {any $1 uuid} ORDER BY id {lock}", args![&*accounts]).await?;
    Ok(())
}
