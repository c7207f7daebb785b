//! The parts of the ledger that no scheduler asks for; the traits want them all the same.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId, NotificationId};
use keybell_shared::message::Message;
use keybell_shared::ports::ledger::{
    AccountFilter, AccountLedger, AccountPage, Changed, Claimed, Class, DirectoryLedger, Enrolment, LedgerResult,
    LinkHolder, LinkLedger, Marked, Marks, NoticeLedger, Organisation, Person, PersonChange, Purged, Retention,
    RetentionLedger, RosterLedger, RowFate, School, SendReport, SignIn,
};

use super::ledger::{FakeLedger, unused};

#[async_trait]
impl NoticeLedger for FakeLedger {
    async fn claim(&self, _: &str, _: &[NotificationId], _: Duration) -> LedgerResult<Vec<Claimed>> {
        unused()
    }

    async fn record(&self, _: &str, _: &[SendReport]) -> LedgerResult<Vec<Message>> {
        unused()
    }

    async fn defer(&self, _: &[NotificationId], _: Duration) -> LedgerResult<()> {
        unused()
    }
}

#[async_trait]
impl AccountLedger for FakeLedger {
    async fn sign_in(&self, _: DistrictId, _: &str) -> LedgerResult<Option<SignIn>> {
        unused()
    }

    async fn try_sign_in(&self, _: AccountId) -> LedgerResult<bool> {
        unused()
    }

    async fn sign_in_succeeded(&self, _: AccountId) -> LedgerResult<()> {
        unused()
    }

    async fn change_password(&self, _: &str, _: AccountId, _: i64, _: &str) -> LedgerResult<bool> {
        unused()
    }
}

#[async_trait]
impl LinkLedger for FakeLedger {
    async fn link(&self, _: &str) -> LedgerResult<Option<LinkHolder>> {
        unused()
    }

    async fn redeem(&self, _: &str, _: AccountId, _: &str, _: &str) -> LedgerResult<Option<i64>> {
        unused()
    }
}

#[async_trait]
impl RosterLedger for FakeLedger {
    async fn put_schools(&self, _: DistrictId, _: &[School]) -> LedgerResult<Vec<RowFate>> {
        unused()
    }

    async fn put_classes(&self, _: DistrictId, _: &[Class]) -> LedgerResult<Vec<RowFate>> {
        unused()
    }

    async fn put_people(&self, _: DistrictId, _: &[Person]) -> LedgerResult<Vec<RowFate>> {
        unused()
    }

    async fn link_guardians(&self, _: DistrictId, _: &[(String, Vec<String>)]) -> LedgerResult<Vec<(String, String)>> {
        unused()
    }

    async fn put_enrolments(&self, _: DistrictId, _: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        unused()
    }

    async fn change_people(&self, _: DistrictId, _: &Ranks, _: &[PersonChange]) -> LedgerResult<Vec<Changed>> {
        unused()
    }

    async fn not_kin(&self, _: DistrictId, _: &[String]) -> LedgerResult<Vec<String>> {
        unused()
    }

    async fn put_organisations(&self, _: DistrictId, _: &[Organisation]) -> LedgerResult<()> {
        unused()
    }

    async fn organisations(&self, _: DistrictId) -> LedgerResult<Vec<Organisation>> {
        unused()
    }

    async fn schools(&self, _: DistrictId) -> LedgerResult<Option<Vec<String>>> {
        unused()
    }
}

#[async_trait]
impl RetentionLedger for FakeLedger {
    async fn purgeable(&self, _: &Retention) -> LedgerResult<Purged> {
        unused()
    }

    async fn purge(&self, _: &Retention, _: u32) -> LedgerResult<Purged> {
        unused()
    }
}

#[async_trait]
impl DirectoryLedger for FakeLedger {
    async fn search(&self, _: &Actor, _: &AccountFilter, _: Option<AccountId>, _: u32) -> LedgerResult<AccountPage> {
        unused()
    }

    async fn mark(&self, _: &Actor, _: AccountId, _: Marks) -> LedgerResult<Option<Marked>> {
        unused()
    }
}
