//! Webhook endpoints and what waits for them.
//!
//! Most districts have none, and then nobody looks at an event a second time: it is written as handed out already. That an
//! endpoint hears of everything that is committed after it was made is seen to where it is made: it waits for whoever is
//! writing an event at that moment ([`manage`]).

mod deliver;
mod hand_out;
mod manage;

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ids::{DistrictId, WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::{
    ClaimOrder, DeliveryReport, DueWebhook, HandedOut, LedgerResult, NewWebhook, WebhookDelivery, WebhookLedger,
    WebhookView,
};

use super::SqlLedger;
use super::sql::Sql;

#[async_trait]
impl WebhookLedger for SqlLedger {
    async fn add_webhook(&self, new: NewWebhook, most: u32) -> LedgerResult<Option<WebhookView>> {
        Ok(self.db.retrying(|| self.add_webhook_once(&new, most)).await?)
    }

    async fn webhooks(&self, district: DistrictId, owner: Option<&str>) -> LedgerResult<Vec<WebhookView>> {
        let rows = self.db.read(manage::LIST, super::sql::args![district, owner]).await?;
        Ok(rows.iter().map(manage::view).collect::<Sql<_>>()?)
    }

    async fn webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookView>> {
        let row = self.db.read_first(manage::ONE, super::sql::args![district, id]).await?;
        Ok(row.map(|row| manage::view(&row)).transpose()?)
    }

    async fn remove_webhook(&self, district: DistrictId, id: WebhookId, by: &str) -> LedgerResult<bool> {
        Ok(self.db.retrying(|| self.remove_webhook_once(district, id, by)).await?)
    }

    async fn rotate_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        key_id: &str,
        overlap: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        Ok(self.db.retrying(|| self.rotate_webhook_once(district, id, by, key_id, overlap)).await?)
    }

    async fn enable_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        by: &str,
        keep: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        Ok(self.db.retrying(|| self.enable_webhook_once(district, id, by, keep)).await?)
    }

    async fn test_webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookMessageId>> {
        Ok(self.db.retrying(|| self.test_webhook_once(district, id)).await?)
    }

    async fn hand_out_events(&self, limit: u32, keep: Duration) -> LedgerResult<HandedOut> {
        Ok(self.db.retrying(|| self.hand_out_once(limit, keep)).await?)
    }

    async fn due_webhooks(&self, limit: u32) -> LedgerResult<Vec<DueWebhook>> {
        Ok(self.due_webhooks_now(limit).await?)
    }

    async fn claim_deliveries(
        &self,
        webhook: WebhookId,
        order: ClaimOrder,
        limit: u32,
        lease: Duration,
    ) -> LedgerResult<Vec<WebhookDelivery>> {
        Ok(self.db.retrying(|| self.claim_deliveries_once(webhook, order, limit, lease)).await?)
    }

    async fn record_deliveries(
        &self,
        reports: &[DeliveryReport],
        strikes: u32,
        pause: Duration,
    ) -> LedgerResult<Vec<WebhookId>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.db.retrying(|| self.record_deliveries_once(reports, strikes, pause)).await?)
    }

    async fn drop_deliveries(&self, keep: Duration, limit: u32) -> LedgerResult<u64> {
        Ok(self.db.retrying(|| self.drop_deliveries_once(keep, limit)).await?)
    }
}
