//! Making, changing and deleting endpoints.

use std::time::Duration;

use keybell_shared::clock::wall;
use keybell_shared::ids::{DistrictId, WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::{NewWebhook, WebhookView};
use keybell_shared::webhook::TEST_EVENT;
use serde_json::json;

use super::super::SqlLedger;
use super::super::journal::{self, NewAudit};
use super::super::sql::{Failure, Row, Sql, Tx, args, json as json_arg};
use super::hand_out::{insert, message};

macro_rules! views {
    ($end:literal) => {
        concat!(
            "SELECT w.*, (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id) AS waiting
             FROM webhooks w WHERE w.district_id = $1 ",
            $end
        )
    };
}

/// The district's endpoints, or those of one owner.
pub(super) const LIST: &str = views!("AND ($2 IS NULL OR w.owner = $2) ORDER BY w.created_at, w.id");

/// One endpoint.
pub(super) const ONE: &str = views!("AND w.id = $2");

impl SqlLedger {
    pub(super) async fn add_webhook_once(&self, new: &NewWebhook, most: u32) -> Sql<Option<WebhookView>> {
        let mut tx = self.db.begin().await?;
        // The district's row puts those in order who would each make the last one.
        tx.all("SELECT id FROM districts WHERE id = $1 {lock}", args![new.district]).await?;
        // An event of a district without endpoints is written as handed out. Whoever is writing one now does not see this
        // endpoint yet, and is waited for: what is committed after it was made is told to it.
        tx.all("{pg LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE}{lite SELECT 1}", args![]).await?;
        let counted =
            tx.first("SELECT count(*) AS n FROM webhooks WHERE district_id = $1", args![new.district]).await?;
        let there: i64 = counted.map(|row| row.get("n")).transpose()?.unwrap_or_default();
        if there >= i64::from(most) {
            return Ok(None);
        }
        tx.run(
            "INSERT INTO webhooks (id, district_id, owner, url, events, key_id, state, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'active', {now})",
            args![new.id, new.district, &new.owner, &new.url, json_arg(&new.events), &new.key_id],
        )
        .await?;
        let detail = format!("events {}", new.events.join(" "));
        audit(&mut tx, new.district, &new.owner, "webhook.created", new.id, detail).await?;
        let view = one(&mut tx, new.district, new.id).await?;
        tx.commit().await?;
        Ok(view)
    }

    pub(super) async fn remove_webhook_once(&self, district: DistrictId, id: WebhookId, by: &str) -> Sql<bool> {
        let mut tx = self.db.begin().await?;
        // What waits for it goes with it.
        let gone = tx.run("DELETE FROM webhooks WHERE district_id = $1 AND id = $2", args![district, id]).await?;
        if gone == 0 {
            return Ok(false);
        }
        audit(&mut tx, district, by, "webhook.deleted", id, String::new()).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(super) async fn rotate_webhook_once(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        key_id: &str,
        overlap: Duration,
    ) -> Sql<Option<WebhookView>> {
        let mut tx = self.db.begin().await?;
        let changed = tx
            .run(
                "UPDATE webhooks SET generation = generation + 1, key_id = $3,
                     previous_until = CASE WHEN key_id = $3 THEN {now} + $4 END
                 WHERE district_id = $1 AND id = $2
                 AND (previous_until IS NULL OR previous_until <= {now} OR key_id <> $3)",
                args![district, id, key_id, overlap],
            )
            .await?;
        if changed == 0 {
            return Ok(None);
        }
        let view = one(&mut tx, district, id).await?;
        let generation = view.as_ref().map_or(0, |view| view.generation);
        audit(&mut tx, district, by, "webhook.rotated", id, format!("generation {generation}")).await?;
        tx.commit().await?;
        Ok(view)
    }

    pub(super) async fn enable_webhook_once(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        keep: Duration,
    ) -> Sql<Option<WebhookView>> {
        let mut tx = self.db.begin().await?;
        let changed = tx
            .run(
                "UPDATE webhooks SET state = 'active', reason = NULL, disabled_at = NULL, failures = 0, not_before = 0
                 WHERE district_id = $1 AND id = $2 AND state = 'disabled'",
                args![district, id],
            )
            .await?;
        if changed == 1 {
            let dropped = tx
                .run(
                    "DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND created_at <= {now} - $2",
                    args![id, keep],
                )
                .await?;
            let dropped = i64::try_from(dropped).unwrap_or(i64::MAX);
            tx.run("UPDATE webhooks SET dropped = dropped + $2 WHERE id = $1", args![id, dropped]).await?;
            // A claim of before may still come to its end; its failure does not count any more.
            tx.run(
                "UPDATE webhook_deliveries SET attempts = 0, fence = fence + 1, due_at = {now}, lease_until = NULL
                 WHERE webhook_id = $1 AND (attempts > 0 OR lease_until IS NOT NULL)",
                args![id],
            )
            .await?;
            audit(&mut tx, district, by, "webhook.enabled", id, format!("{dropped} messages dropped")).await?;
        }
        let view = one(&mut tx, district, id).await?;
        tx.commit().await?;
        Ok(view)
    }

    pub(super) async fn test_webhook_once(&self, district: DistrictId, id: WebhookId) -> Sql<Option<WebhookMessageId>> {
        let mut tx = self.db.begin().await?;
        if one(&mut tx, district, id).await?.is_none() {
            return Ok(None);
        }
        let test = WebhookMessageId::fresh();
        let body = message(TEST_EVENT, wall(), &json!({"district": district, "webhook": id}));
        // A subject of its own: it waits for nothing.
        let row = json!({"id": test, "webhook": id, "subject": format!("test {test}"), "body": body});
        insert(&mut tx, &[row]).await?;
        tx.commit().await?;
        Ok(Some(test))
    }
}

async fn one(tx: &mut Tx, district: DistrictId, id: WebhookId) -> Sql<Option<WebhookView>> {
    let row = tx.first(ONE, args![district, id]).await?;
    row.map(|row| view(&row)).transpose()
}

pub(super) async fn audit(
    tx: &mut Tx,
    district: DistrictId,
    actor: &str,
    action: &'static str,
    id: WebhookId,
    detail: String,
) -> Sql<()> {
    let (actor, subject) = (actor.to_owned(), format!("webhook {id}"));
    journal::audits(tx, &[NewAudit { district, actor, action, subject, detail }]).await
}

pub(super) fn view(row: &Row) -> Sql<WebhookView> {
    let id: WebhookId = row.get("id")?;
    let events: String = row.get("events")?;
    Ok(WebhookView {
        id,
        district: row.get("district_id")?,
        owner: row.get("owner")?,
        url: row.get("url")?,
        events: serde_json::from_str(&events)
            .map_err(|_| Failure::row(format!("the events of webhook {id} are no list")))?,
        state: row.word("state")?,
        reason: row.get("reason")?,
        key_id: row.get("key_id")?,
        generation: row.get("generation")?,
        previous_until: row.get("previous_until")?,
        created_at: row.get("created_at")?,
        last_success_at: row.get("last_success_at")?,
        last_failure_at: row.get("last_failure_at")?,
        last_failure: row.get("last_failure")?,
        failures: row.get("failures")?,
        waiting: row.get("waiting")?,
        dropped: row.get("dropped")?,
    })
}
