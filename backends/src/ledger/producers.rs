//! Upstream applications that publish requests by AMQP: who may, how much, and what they are answered.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::events::{Fact, RequestAccepted, RequestRefused};
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{
    LedgerResult, NewTask, Producer, ProducerLedger, ProducerView, Quota, QuotaChange, REQUESTS_PER_HOUR,
};

use super::SqlLedger;
use super::journal::{self, NewAudit, NewEvent};
use super::sql::{Row, Sql, Tx, args};

/// How many requests of a producer became tasks within the last hour. An idempotency row is one that did: a repetition
/// finds the row that is there, and a refused request leaves none.
const LAST_HOUR: &str = "SELECT count(*) AS n FROM idempotency
     WHERE district_id = $1 AND producer = $2 AND created_at > {now} - 3600000";

#[async_trait]
impl ProducerLedger for SqlLedger {
    async fn producer(&self, name: &str) -> LedgerResult<Option<Producer>> {
        let row = self.db.read_first("SELECT * FROM producers WHERE name = $1", args![name]).await?;
        Ok(row
            .map(|row| -> Sql<Producer> {
                Ok(Producer { actor: Actor::producer(row.get("district_id")?, name), quota: quota(&row)? })
            })
            .transpose()?)
    }

    async fn allow_producer(&self, by: &Actor, name: &str, change: QuotaChange) -> LedgerResult<Quota> {
        Ok(self.db.retrying(|| self.allow_once(by, name, change)).await?)
    }

    async fn producers(&self, district: DistrictId) -> LedgerResult<Vec<ProducerView>> {
        let rows = self
            .db
            .read(
                "SELECT p.*, (SELECT count(*) FROM idempotency i WHERE i.district_id = p.district_id
                     AND i.producer = p.name AND i.created_at > {now} - 3600000) AS n
                 FROM producers p WHERE p.district_id = $1 ORDER BY p.name",
                args![district],
            )
            .await?;
        let view = |row: &Row| -> Sql<ProducerView> {
            Ok(ProducerView {
                name: row.get("name")?,
                quota: quota(row)?,
                requests_last_hour: u64::try_from(row.get::<i64>("n")?).unwrap_or_default(),
                created_at: row.get("created_at")?,
            })
        };
        Ok(rows.iter().map(view).collect::<Sql<_>>()?)
    }

    async fn forbid_producer(&self, by: &Actor, name: &str) -> LedgerResult<bool> {
        Ok(self
            .db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                let gone = tx
                    .run("DELETE FROM producers WHERE district_id = $1 AND name = $2", args![by.district, name])
                    .await?;
                if gone > 0 {
                    audit(&mut tx, by, "producer.forbidden", name, String::new()).await?;
                }
                tx.commit().await?;
                Ok(gone > 0)
            })
            .await?)
    }

    async fn answer_repetition(&self, actor: &Actor, message_id: &str, task: TaskId) -> LedgerResult<()> {
        let fact = Fact::RequestAccepted(RequestAccepted {
            producer: actor.broker_user().unwrap_or_default().to_owned(),
            message_id: message_id.to_owned(),
            task,
            repeated: true,
        });
        let event = [NewEvent { district: actor.district, fact }];
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                journal::events(&mut tx, &event).await?;
                tx.commit().await
            })
            .await?;
        Ok(())
    }

    async fn refuse(&self, actor: &Actor, refusal: &RequestRefused) -> LedgerResult<()> {
        let event = [NewEvent { district: actor.district, fact: Fact::RequestRefused(refusal.clone()) }];
        let audit = [NewAudit {
            district: actor.district,
            actor: actor.name.clone(),
            action: "request.refused",
            subject: format!("request {}", refusal.message_id),
            detail: refusal.code.clone(),
        }];
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                journal::events(&mut tx, &event).await?;
                journal::audits(&mut tx, &audit).await?;
                tx.commit().await
            })
            .await?;
        Ok(())
    }
}

impl SqlLedger {
    async fn allow_once(&self, by: &Actor, name: &str, change: QuotaChange) -> Sql<Quota> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .first(
                "INSERT INTO producers (name, district_id, created_at, requests_per_hour, accounts_per_request)
                 VALUES ($1, $2, {now}, COALESCE($3, $5), NULLIF($4, 0))
                 ON CONFLICT (name) DO UPDATE SET district_id = excluded.district_id,
                     requests_per_hour = COALESCE($3, producers.requests_per_hour),
                     accounts_per_request = NULLIF(COALESCE($4, producers.accounts_per_request), 0)
                 RETURNING requests_per_hour, accounts_per_request",
                args![
                    name,
                    by.district,
                    change.requests_per_hour.map(i64::from),
                    change.accounts_per_request.map(i64::from),
                    i64::from(REQUESTS_PER_HOUR)
                ],
            )
            .await?;
        let quota = row.as_ref().map(quota).transpose()?.unwrap_or(NOTHING);
        let accounts = quota.accounts_per_request.map_or_else(|| "any number of".to_owned(), |n| n.to_string());
        let detail = format!("{} requests per hour, {accounts} accounts per request", quota.requests_per_hour);
        audit(&mut tx, by, "producer.allowed", name, detail).await?;
        tx.commit().await?;
        Ok(quota)
    }
}

/// What somebody may ask for who is no producer.
const NOTHING: Quota = Quota { requests_per_hour: 0, accounts_per_request: Some(0) };

fn quota(row: &Row) -> Sql<Quota> {
    let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Quota {
        requests_per_hour: small(row.get("requests_per_hour")?),
        accounts_per_request: row.get::<Option<i64>>("accounts_per_request")?.map(small),
    })
}

async fn audit(tx: &mut Tx, by: &Actor, action: &'static str, name: &str, detail: String) -> Sql<()> {
    let (actor, subject) = (by.name.clone(), format!("producer {name}"));
    journal::audits(tx, &[NewAudit { district: by.district, actor, action, subject, detail }]).await
}

/// The quota that one request more would exceed; `None` for everybody but producers. The producer's row is locked until
/// the end of the transaction, so that two doors cannot both take the last request.
pub(super) async fn over_quota(tx: &mut Tx, task: &NewTask) -> Sql<Option<u32>> {
    let Some(name) = task.actor.broker_user() else { return Ok(None) };
    let district = task.actor.district;
    let row =
        tx.first("SELECT * FROM producers WHERE name = $1 AND district_id = $2 {lock}", args![name, district]).await?;
    // Forbidden, or moved to another district, a moment ago.
    let allowed = row.as_ref().map(quota).transpose()?.unwrap_or(NOTHING).requests_per_hour;
    let made: i64 = match tx.first(LAST_HOUR, args![district, name]).await? {
        Some(row) => row.get("n")?,
        None => 0,
    };
    Ok((made >= i64::from(allowed)).then_some(allowed))
}

/// The answer to a request that a producer published.
pub(super) fn acceptance(task: &NewTask) -> Option<NewEvent> {
    let producer = task.actor.broker_user()?.to_owned();
    let message_id = task.idempotency.key.clone();
    let fact = Fact::RequestAccepted(RequestAccepted { producer, message_id, task: task.id, repeated: false });
    Some(NewEvent { district: task.actor.district, fact })
}
