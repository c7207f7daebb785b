//! Claiming messages for one try, and what became of it.

use std::time::Duration;

use keybell_shared::events::{Fact, WebhookDisabled};
use keybell_shared::ids::{DistrictId, WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::{ClaimOrder, DeliveryFate, DeliveryReport, DueWebhook, WebhookDelivery};
use serde_json::{Value as Json, json};

use super::super::SqlLedger;
use super::super::journal::{self, NewEvent};
use super::super::periodic;
use super::super::sql::{Row, Sql, Tx, args, json as json_arg, millis};
use super::manage::audit;

/// The longest reason of a failure that is kept, in characters.
const DETAIL: usize = 300;

impl SqlLedger {
    pub(super) async fn due_webhooks_now(&self, limit: u32) -> Sql<Vec<DueWebhook>> {
        let rows = self.db.read(periodic::DUE_WEBHOOKS, args![limit]).await?;
        rows.iter().map(due).collect()
    }

    pub(super) async fn claim_deliveries_once(
        &self,
        webhook: WebhookId,
        order: ClaimOrder,
        limit: u32,
        lease: Duration,
    ) -> Sql<Vec<WebhookDelivery>> {
        let statement = match order {
            ClaimOrder::DueFirst => periodic::CLAIM_DUE_FIRST,
            ClaimOrder::OldestFirst => periodic::CLAIM_OLDEST_FIRST,
        };
        let mut tx = self.db.begin().await?;
        let rows = tx.all(statement, args![webhook, limit, lease]).await?;
        let claimed = rows.iter().map(|row| delivery(webhook, row)).collect::<Sql<_>>()?;
        tx.commit().await?;
        Ok(claimed)
    }

    pub(super) async fn record_deliveries_once(
        &self,
        reports: &[DeliveryReport],
        strikes: u32,
        pause: Duration,
    ) -> Sql<Vec<WebhookId>> {
        let mut tx = self.db.begin().await?;
        let mut webhooks: Vec<WebhookId> = reports.iter().map(|report| report.webhook).collect();
        webhooks.sort_unstable();
        webhooks.dedup();
        // Endpoints first, in the order of their ids, as everybody does who changes both tables.
        let held = tx
            .all(
                "SELECT id, district_id, failures, state FROM webhooks WHERE id {in $1 uuid} ORDER BY id {lock}",
                args![json_arg(&webhooks)],
            )
            .await?;
        let mut disabled = Vec::new();
        for endpoint in &held {
            let id: WebhookId = endpoint.get("id")?;
            let of_it: Vec<&DeliveryReport> = reports.iter().filter(|report| report.webhook == id).collect();
            if record(&mut tx, endpoint, &of_it, strikes, pause).await? {
                disabled.push(id);
            }
        }
        tx.commit().await?;
        Ok(disabled)
    }

    pub(super) async fn drop_deliveries_once(&self, keep: Duration, limit: u32) -> Sql<u64> {
        let mut tx = self.db.begin().await?;
        let rows = tx.all(periodic::OLD_DELIVERIES, args![keep, limit]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut counts: std::collections::BTreeMap<WebhookId, i64> = std::collections::BTreeMap::new();
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            ids.push(row.get::<i64>("seq")?);
            *counts.entry(row.get("webhook_id")?).or_default() += 1;
        }
        let counts: Vec<Json> = counts.iter().map(|(id, n)| json!({"webhook": id, "n": n})).collect();
        tx.run(
            "UPDATE webhooks SET dropped = dropped + r.n FROM {rows $1: webhook uuid, n bigint} AS r
             WHERE webhooks.id = r.webhook",
            args![json_arg(&counts)],
        )
        .await?;
        let gone = tx.run("DELETE FROM webhook_deliveries WHERE seq {in $1 bigint}", args![json_arg(&ids)]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Stores the results of one endpoint; answers whether it was disabled.
async fn record(tx: &mut Tx, endpoint: &Row, reports: &[&DeliveryReport], strikes: u32, pause: Duration) -> Sql<bool> {
    let (id, failed_before): (WebhookId, i64) = (endpoint.get("id")?, endpoint.get("failures")?);
    let taken = reports.iter().filter(|report| report.fate == DeliveryFate::Delivered);
    let taken: Vec<_> = taken.map(|report| report.id).collect();
    if !taken.is_empty() {
        tx.run("DELETE FROM webhook_deliveries WHERE id {in $1 uuid}", args![json_arg(&taken)]).await?;
    }
    let failed = store_failures(tx, reports).await?;
    if failed > 0 {
        let last = reports.iter().rev().find(|report| !report.detail.is_empty());
        let detail: String = last.map(|report| report.detail.chars().take(DETAIL).collect()).unwrap_or_default();
        tx.run(
            "UPDATE webhooks SET failures = failures + $2, last_failure_at = {now}, last_failure = $3,
                 not_before = CASE WHEN failures + $2 >= $4 THEN {now} + $5 ELSE not_before END
             WHERE id = $1",
            args![id, failed, detail, strikes, pause],
        )
        .await?;
    }
    if !taken.is_empty() {
        // Whatever else failed in the same moment: the endpoint takes messages.
        tx.run("UPDATE webhooks SET failures = 0, not_before = 0, last_success_at = {now} WHERE id = $1", args![id])
            .await?;
        if failed_before >= i64::from(strikes) {
            tx.run(
                "UPDATE webhook_deliveries SET due_at = {now}
                 WHERE webhook_id = $1 AND attempts > 0 AND due_at > {now} AND lease_until IS NULL",
                args![id],
            )
            .await?;
        }
    }
    let reason = reports.iter().find_map(|report| match report.fate {
        DeliveryFate::Disable { reason } => Some(reason),
        DeliveryFate::Delivered | DeliveryFate::Retry(_) | DeliveryFate::Untried => None,
    });
    match reason {
        Some(reason) => disable(tx, id, endpoint.get("district_id")?, reason).await,
        None => Ok(false),
    }
}

/// Notes when the failed ones are tried again; answers how many failures counted.
async fn store_failures(tx: &mut Tx, reports: &[&DeliveryReport]) -> Sql<i64> {
    let rows: Vec<Json> = reports
        .iter()
        .filter_map(|report| {
            let (tried, wait) = match report.fate {
                DeliveryFate::Delivered => return None,
                DeliveryFate::Retry(wait) => (1, millis(wait)),
                DeliveryFate::Disable { .. } => (1, 0),
                DeliveryFate::Untried => (0, 0),
            };
            Some(json!({"id": report.id, "fence": report.fence, "tried": tried, "wait": wait}))
        })
        .collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let changed = tx
        .all(
            "UPDATE webhook_deliveries SET attempts = attempts + r.tried, due_at = {now} + r.wait, lease_until = NULL
             FROM {rows $1: id uuid, fence bigint, tried integer, wait bigint} AS r
             WHERE webhook_deliveries.id = r.id AND webhook_deliveries.fence = r.fence
             RETURNING webhook_deliveries.id",
            args![json_arg(&rows)],
        )
        .await?;
    let mut failed = 0;
    for row in &changed {
        let id: WebhookMessageId = row.get("id")?;
        let tried = reports.iter().any(|report| report.id == id && report.fate != DeliveryFate::Untried);
        failed += i64::from(tried);
    }
    Ok(failed)
}

/// Nothing goes out any more, and everybody can see why.
async fn disable(tx: &mut Tx, id: WebhookId, district: DistrictId, reason: &'static str) -> Sql<bool> {
    let changed = tx
        .run(
            "UPDATE webhooks SET state = 'disabled', reason = $2, disabled_at = {now}
             WHERE id = $1 AND state = 'active'",
            args![id, reason],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    audit(tx, district, "scheduler", "webhook.disabled", id, format!("reason {reason}")).await?;
    let fact = Fact::WebhookDisabled(WebhookDisabled { webhook: id, reason: reason.to_owned() });
    journal::events(tx, &[NewEvent { district, fact }]).await?;
    Ok(true)
}

fn due(row: &Row) -> Sql<DueWebhook> {
    Ok(DueWebhook {
        id: row.get("id")?,
        url: row.get("url")?,
        key_id: row.get("key_id")?,
        generation: row.get("generation")?,
        overlap: row.get::<i64>("overlap")? == 1,
        failures: row.get("failures")?,
    })
}

fn delivery(webhook: WebhookId, row: &Row) -> Sql<WebhookDelivery> {
    Ok(WebhookDelivery {
        id: row.get("id")?,
        webhook,
        fence: row.get("fence")?,
        attempts: u32::try_from(row.get::<i32>("attempts")?).unwrap_or_default(),
        body: row.get("body")?,
    })
}
