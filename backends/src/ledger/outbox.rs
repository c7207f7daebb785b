//! Events on their way out, and the audit chain.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::Millis;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::events::Event;
use keybell_shared::ports::ledger::{Backlog, LedgerResult, OutboxLedger};
use keybell_shared::seal::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::SqlLedger;
use super::periodic;
use super::sql::{Failure, Row, Sql, Tx, args, cells};

#[async_trait]
impl OutboxLedger for SqlLedger {
    async fn unsent_events(&self, limit: u32) -> LedgerResult<Vec<Event>> {
        let rows = self.db.read(periodic::UNSENT, args![limit]).await?;
        Ok(rows.iter().map(event).collect::<Sql<_>>()?)
    }

    async fn events_sent(&self, ids: &[i64]) -> LedgerResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.db
            .retrying(|| self.db.run("UPDATE events SET sent = TRUE WHERE id {any $1 bigint} AND NOT sent", args![ids]))
            .await?;
        Ok(())
    }

    async fn chain_audit(&self, limit: u32) -> LedgerResult<u64> {
        Ok(self.db.retrying(|| self.chain_once(limit)).await?)
    }

    async fn backlog(&self) -> LedgerResult<Backlog> {
        let age = |statement, arguments| async move {
            let row = self.db.read_first(statement, arguments).await?;
            let ms: i64 = row.map(|row| row.get("age")).transpose()?.unwrap_or_default();
            // What was written by a clock that is ahead is not negative.
            Ok::<_, Failure>(Duration::from_millis(u64::try_from(ms).unwrap_or_default()))
        };
        let due = |channel: &'static str| async move {
            let unpublished = age(periodic::OLDEST_DUE, args![channel]).await?;
            Ok::<_, Failure>(unpublished.max(age(periodic::OLDEST_PUBLISHED, args![channel]).await?))
        };
        let count = |statement| async move {
            let row = self.db.read_first(statement, args![]).await?;
            let n: i64 = row.map(|row| row.get("n")).transpose()?.unwrap_or_default();
            Ok::<_, Failure>(u64::try_from(n).unwrap_or_default())
        };
        Ok(Backlog {
            reset: age(periodic::OLDEST_QUEUED, args![]).await?,
            email: due("email").await?,
            sms: due("sms").await?,
            events: age(periodic::OLDEST_UNSENT, args![]).await?,
            events_waiting: count(periodic::UNSENT_COUNT).await?,
            webhooks: age(periodic::OLDEST_DELIVERY, args![]).await?,
            webhooks_waiting: count(periodic::DELIVERY_COUNT).await?,
        })
    }
}

impl SqlLedger {
    async fn chain_once(&self, limit: u32) -> Sql<u64> {
        let mut tx = self.db.begin().await?;
        // The chain has one end: whoever wants to prolong it takes turns, also while two believe that they lead.
        tx.all("SELECT id FROM meta WHERE id = 1 {lock}", args![]).await?;
        let (mut place, mut chain) = end(&mut tx).await?;
        let rows = tx.all(periodic::UNCHAINED, args![limit]).await?;
        let mut links: Vec<(i64, i64, String)> = Vec::with_capacity(rows.len());
        for row in &rows {
            place += 1;
            chain = link(&chain, place, row)?;
            links.push((row.get("id")?, place, chain.clone()));
        }
        let cells: Vec<_> = links.iter().map(|(id, place, chain)| cells![*id, *place, chain]).collect();
        tx.run_rows(
            "UPDATE audit SET place = r.place, chain = r.chain
             FROM {table $1: id bigint, place bigint, chain text} AS r
             WHERE audit.id = r.id AND audit.chain IS NULL",
            &cells,
            |rows| args![rows],
        )
        .await?;
        tx.commit().await?;
        Ok(u64::try_from(links.len()).unwrap_or(u64::MAX))
    }
}

/// Place and chain of the last chained row; 0 and nothing before the first one.
async fn end(tx: &mut Tx) -> Sql<(i64, String)> {
    let last =
        tx.first("SELECT place, chain FROM audit WHERE place IS NOT NULL ORDER BY place DESC LIMIT 1", args![]).await?;
    last.map_or_else(|| Ok((0, String::new())), |row| Ok((row.get("place")?, row.get("chain")?)))
}

/// SHA-256, in hexadecimal, over the compact JSON array `[previous chain, place, district, at, actor, action, subject,
/// detail]`: anybody can compute it again from the rows alone.
fn link(previous: &str, place: i64, row: &Row) -> Sql<String> {
    let fields = json!([
        previous,
        place,
        row.get::<DistrictId>("district_id")?,
        row.get::<Millis>("at")?,
        row.get::<String>("actor")?,
        row.get::<String>("action")?,
        row.get::<String>("subject")?,
        row.get::<String>("detail")?,
    ]);
    Ok(hex(&Sha256::digest(fields.to_string())))
}

fn event(row: &Row) -> Sql<Event> {
    let id: i64 = row.get("id")?;
    let body: String = row.get("body")?;
    let body = serde_json::from_str(&body)
        .map_err(|error| Failure::row(format!("the body of event {id} cannot be read: {error}")))?;
    Ok(Event { id, district: row.get("district_id")?, kind: row.get("kind")?, body, at: row.get("at")? })
}
