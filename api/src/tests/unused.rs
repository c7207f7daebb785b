//! The parts of the ledger that the API never asks, so that the fake of it is a whole ledger.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::codes::Code;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId, ItemId, NotificationId, PlanId, TaskId, WebhookId, WebhookMessageId};
use keybell_shared::message::Message;
use keybell_shared::notice::Ways;
use keybell_shared::ports::events::Event;
use keybell_shared::ports::ledger::*;
use keybell_shared::stage::Stage;

use super::fake::FakeLedger;

const WHY: &str = "the API never asks this";

#[async_trait]
impl ExpansionLedger for FakeLedger {
    async fn expanding(&self, _: u32) -> LedgerResult<Vec<TaskId>> {
        unimplemented!("{WHY}")
    }
    async fn expand_next(&self, _: &str, _: TaskId, _: Expansion) -> LedgerResult<Chunk> {
        unimplemented!("{WHY}")
    }
    async fn expansion_failed(&self, _: TaskId) -> LedgerResult<bool> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl DispatchLedger for FakeLedger {
    async fn queued(&self, _: u32) -> LedgerResult<u32> {
        unimplemented!("{WHY}")
    }
    async fn runnable(&self, _: u32, _: &[keybell_shared::config::Window]) -> LedgerResult<Vec<Runnable>> {
        unimplemented!("{WHY}")
    }
    async fn pending(&self, _: TaskId, _: Option<u32>, _: u32) -> LedgerResult<Vec<(ItemId, u32)>> {
        unimplemented!("{WHY}")
    }
    async fn mark_queued(&self, _: &[ItemId]) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl ResetLedger for FakeLedger {
    async fn reset_jobs(&self, _: &[ItemId]) -> LedgerResult<Vec<ResetJob>> {
        unimplemented!("{WHY}")
    }
    async fn hold(&self, _: &[ItemId]) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
    async fn commit_resets(&self, _: &str, _: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
        unimplemented!("{WHY}")
    }
    async fn fail_items(&self, _: &str, _: &[ItemId], _: Code) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
    async fn unpublish(&self, _: &[NotificationId]) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl NoticeLedger for FakeLedger {
    async fn claim(&self, _: &str, _: &[NotificationId], _: Duration) -> LedgerResult<Vec<Claimed>> {
        unimplemented!("{WHY}")
    }
    async fn record(&self, _: &str, _: &[SendReport]) -> LedgerResult<Vec<Message>> {
        unimplemented!("{WHY}")
    }
    async fn defer(&self, _: &[NotificationId], _: Duration) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl RepairLedger for FakeLedger {
    async fn expire_leases(&self, _: &str, _: Duration, _: u32) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
    async fn due_notifications(&self, _: &str, _: Stage, _: bool, _: Duration, _: u32) -> LedgerResult<Vec<Message>> {
        unimplemented!("{WHY}")
    }
    async fn lost_items(&self, _: &str, _: Duration, _: u32) -> LedgerResult<Vec<Message>> {
        unimplemented!("{WHY}")
    }
    async fn count_death(&self, _: &str, _: &Message) -> LedgerResult<bool> {
        unimplemented!("{WHY}")
    }
    async fn sweep_seals(&self, _: &str, _: u32) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl OutboxLedger for FakeLedger {
    async fn unsent_events(&self, _: u32) -> LedgerResult<Vec<Event>> {
        unimplemented!("{WHY}")
    }
    async fn events_sent(&self, _: &[i64]) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
    async fn chain_audit(&self, _: u32) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl WebhookLedger for FakeLedger {
    async fn add_webhook(&self, _: NewWebhook, _: u32) -> LedgerResult<Option<WebhookView>> {
        unimplemented!("{WHY}")
    }
    async fn webhooks(&self, _: DistrictId, _: Option<&str>) -> LedgerResult<Vec<WebhookView>> {
        unimplemented!("{WHY}")
    }
    async fn webhook(&self, _: DistrictId, _: WebhookId) -> LedgerResult<Option<WebhookView>> {
        unimplemented!("{WHY}")
    }
    async fn remove_webhook(&self, _: DistrictId, _: WebhookId, _: &str) -> LedgerResult<bool> {
        unimplemented!("{WHY}")
    }
    async fn rotate_webhook(
        &self,
        _: DistrictId,
        _: WebhookId,
        _: &str,
        _: &str,
        _: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        unimplemented!("{WHY}")
    }
    async fn enable_webhook(
        &self,
        _: DistrictId,
        _: WebhookId,
        _: &str,
        _: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        unimplemented!("{WHY}")
    }
    async fn test_webhook(&self, _: DistrictId, _: WebhookId) -> LedgerResult<Option<WebhookMessageId>> {
        unimplemented!("{WHY}")
    }
    async fn hand_out_events(&self, _: u32, _: Duration) -> LedgerResult<HandedOut> {
        unimplemented!("{WHY}")
    }
    async fn due_webhooks(&self, _: u32) -> LedgerResult<Vec<DueWebhook>> {
        unimplemented!("{WHY}")
    }
    async fn claim_deliveries(
        &self,
        _: WebhookId,
        _: ClaimOrder,
        _: u32,
        _: Duration,
    ) -> LedgerResult<Vec<WebhookDelivery>> {
        unimplemented!("{WHY}")
    }
    async fn record_deliveries(&self, _: &[DeliveryReport], _: u32, _: Duration) -> LedgerResult<Vec<WebhookId>> {
        unimplemented!("{WHY}")
    }
    async fn drop_deliveries(&self, _: Duration, _: u32) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl RosterLedger for FakeLedger {
    async fn put_schools(&self, _: DistrictId, _: &[School]) -> LedgerResult<Vec<RowFate>> {
        unimplemented!("{WHY}")
    }
    async fn put_classes(&self, _: DistrictId, _: &[Class]) -> LedgerResult<Vec<RowFate>> {
        unimplemented!("{WHY}")
    }
    async fn put_people(&self, _: DistrictId, _: &[Person]) -> LedgerResult<Vec<RowFate>> {
        unimplemented!("{WHY}")
    }
    async fn link_guardians(&self, _: DistrictId, _: &[(String, Vec<String>)]) -> LedgerResult<Vec<(String, String)>> {
        unimplemented!("{WHY}")
    }
    async fn put_enrolments(&self, _: DistrictId, _: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        unimplemented!("{WHY}")
    }
    async fn change_people(&self, _: DistrictId, _: &Ranks, _: &[PersonChange]) -> LedgerResult<Vec<Changed>> {
        unimplemented!("{WHY}")
    }
    async fn not_kin(&self, _: DistrictId, _: &[String]) -> LedgerResult<Vec<String>> {
        unimplemented!("{WHY}")
    }
    async fn put_organisations(&self, _: DistrictId, _: &[Organisation]) -> LedgerResult<()> {
        unimplemented!("{WHY}")
    }
    async fn organisations(&self, _: DistrictId) -> LedgerResult<Vec<Organisation>> {
        unimplemented!("{WHY}")
    }
    async fn schools(&self, _: DistrictId) -> LedgerResult<Option<Vec<String>>> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl DirectoryLedger for FakeLedger {
    async fn search(&self, _: &Actor, _: &AccountFilter, _: Option<AccountId>, _: u32) -> LedgerResult<AccountPage> {
        unimplemented!("{WHY}")
    }
    async fn mark(&self, _: &Actor, _: AccountId, _: Marks) -> LedgerResult<Option<Marked>> {
        unimplemented!("{WHY}")
    }
}

/// Plans and approvals are tried over real ledgers (`tests/tests/embedded/plans.rs`).
#[async_trait]
impl PlanLedger for FakeLedger {
    async fn make_plan(&self, _: NewPlan) -> LedgerResult<Option<PlanView>> {
        unimplemented!("no test asks this yet")
    }
    async fn plan(&self, _: DistrictId, _: PlanId) -> LedgerResult<Option<PlanView>> {
        self.ask().map(|_| None)
    }
    async fn plan_items(&self, _: DistrictId, _: PlanId, _: PlanFilter, _: u32) -> LedgerResult<Vec<PlanItem>> {
        unimplemented!("no test asks this yet")
    }
    async fn apply_plan(&self, _: NewTask, _: PlanId) -> LedgerResult<Applied> {
        unimplemented!("no test asks this yet")
    }
    async fn measured(&self, _: bool) -> LedgerResult<Option<Measured>> {
        unimplemented!("no test asks this yet")
    }
    async fn sweep_plans(&self, _: u32) -> LedgerResult<u64> {
        unimplemented!("{WHY}")
    }
}

#[async_trait]
impl ApprovalLedger for FakeLedger {
    async fn approve(&self, _: &Actor, _: TaskId, _: &str) -> LedgerResult<Option<Approval>> {
        self.ask().map(|_| None)
    }
}

#[async_trait]
impl UploadLedger for FakeLedger {
    async fn meant(&self, _: &Actor, rows: &[Meant], _: Option<Ways>) -> LedgerResult<Vec<Option<MeantAccount>>> {
        self.ask().map(|_| vec![None; rows.len()])
    }
    async fn name_owners(&self, _: DistrictId, _: &[String]) -> LedgerResult<Vec<(String, AccountId)>> {
        self.ask().map(|_| Vec::new())
    }
}
