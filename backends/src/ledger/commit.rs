//! Changing passwords: a group of resets in one transaction.
//!
//! Under the accounts' locks each item is decided once ([`super::decided`]); then every table is written by one statement
//! for the whole group ([`super::stored`]). The lock order is accounts, items, counters.

use keybell_shared::fault::{self, Mechanism, Window};
use keybell_shared::ids::{AttemptId, ItemId};
use keybell_shared::ports::ledger::{ResetOutcome, ResetWrite};

use super::SqlLedger;
use super::counters::Deltas;
use super::decided::{Decided, decide_group};
use super::links::store_links;
use super::sql::{Failure, Sql, Tx, args};
use super::stored::{store_accounts, store_items, store_journal, store_notifications, store_seals};
use super::uploaded::store_usernames;

impl SqlLedger {
    /// Commits a group. A username may be taken between the look at its owner and the write: the next look sees that.
    pub(super) async fn commit_anew(&self, writer: &str, resets: &[ResetWrite]) -> Sql<Vec<(ItemId, ResetOutcome)>> {
        match self.db.retrying(|| self.commit_group(writer, resets)).await {
            Err(Failure::Duplicate(_)) => self.db.retrying(|| self.commit_group(writer, resets)).await,
            other => other,
        }
    }

    /// Decides and stores one group.
    async fn commit_group(&self, writer: &str, resets: &[ResetWrite]) -> Sql<Vec<(ItemId, ResetOutcome)>> {
        let mut tx = self.db.begin().await?;
        let group = decide_group(&mut tx, &self.requests, resets).await?;
        store_items(&mut tx, &group).await?;
        store_accounts(&mut tx, &group).await?;
        store_usernames(&mut tx, &group).await?;
        store_seals(&mut tx, &group).await?;
        store_links(&mut tx, &group).await?;
        let mut messages = store_notifications(&mut tx, &group).await?;
        store_journal(&mut tx, writer, &group).await?;
        let mut deltas = Deltas::default();
        for decided in &group {
            if let Some((state, _)) = decided.end() {
                deltas.of(decided.task).step(decided.facts.item, state);
            }
        }
        deltas.store(&mut tx, writer).await?;
        if let Err(failure) = finish(tx).await {
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
        if fault::off(Mechanism::AttemptId) {
            return Ok(());
        }
        let Some(sample) = group.iter().find(|decided| decided.is_reset()) else {
            return Err(Failure::Unavailable(reason));
        };
        let mut tx = self.db.begin().await?;
        let row = tx.first("SELECT attempt_id FROM items WHERE id = $1 {lock}", args![sample.write.item]).await?;
        let ours = match row {
            Some(row) => row.get::<Option<AttemptId>>("attempt_id")? == Some(sample.write.attempt),
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

/// COMMIT, unless the fault harness breaks the connection right before it.
async fn finish(tx: Tx) -> Sql<()> {
    if fault::failing(Window::ResetWritten).await {
        return Err(Failure::Unavailable("the fault harness broke the connection".to_owned()));
    }
    tx.commit().await
}
