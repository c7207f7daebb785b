//! A small ledger in memory, as much of one as the API asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use keybell_scheduler::webhooks::Desk;
use keybell_shared::actor::Actor;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::error::LedgerError;
use keybell_shared::events::RequestRefused;
use keybell_shared::ids::{AccountId, ApiKeyId, DistrictId, TaskId};
use keybell_shared::ports::ledger::*;
use keybell_shared::ports::webhooks::{WebhookAnswer, WebhookCall, WebhookSender};
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::request::{ResetRequest, Selection};
use keybell_shared::states::TaskState;

/// What the fake remembers.
#[derive(Default)]
pub(super) struct Memory {
    /// Whether every call fails.
    pub(super) down: bool,
    /// How many calls failed because of that.
    pub(super) refused: u32,
    /// Whether looking at a task panics.
    pub(super) panics: bool,
    pub(super) keys: HashMap<ApiKeyId, (Vec<u8>, Actor)>,
    pub(super) tasks: Vec<TaskView>,
    pub(super) items: Vec<ItemView>,
    pub(super) rows: Vec<ReportRow>,
    /// What re-sends chose.
    pub(super) chosen: Vec<Chosen>,
    pub(super) accepted: HashMap<(String, String), (String, TaskId)>,
    /// By district and lower-case username.
    pub(super) accounts: HashMap<(DistrictId, String), SignIn>,
    /// By the token's hash.
    pub(super) links: HashMap<String, LinkHolder>,
    pub(super) chosen_by_link: Vec<(AccountId, String)>,
    pub(super) failures: Vec<AccountId>,
    pub(super) successes: Vec<AccountId>,
}

/// The fake.
#[derive(Default)]
pub(super) struct FakeLedger(Mutex<Memory>);

impl FakeLedger {
    /// Looks at and changes what it remembers.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("not poisoned")
    }

    pub(super) fn ask(&self) -> LedgerResult<MutexGuard<'_, Memory>> {
        let mut memory = self.memory();
        if memory.down {
            memory.refused += 1;
            return Err(LedgerError::Unavailable("switched off".to_owned()));
        }
        Ok(memory)
    }

    fn turn(&self, district: DistrictId, task: TaskId, to: TaskState) -> LedgerResult<Option<TaskState>> {
        let mut memory = self.ask()?;
        let found = memory.tasks.iter_mut().find(|view| view.district == district && view.id == task);
        Ok(found.map(|view| {
            if view.progress.state.may_become(to) {
                view.progress.state = to;
                view.progress.version += 1;
            }
            view.progress.state
        }))
    }
}

#[async_trait]
impl IntakeLedger for FakeLedger {
    async fn resolve_accounts(&self, _: DistrictId, names: &[String]) -> LedgerResult<Resolved> {
        let (known, unknown): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| name.starts_with("pupil"));
        self.ask().map(|_| Resolved { found: known.iter().map(|_| AccountId::fresh()).collect(), unknown })
    }

    async fn unknown_names(&self, _: DistrictId, _: &Selection) -> LedgerResult<UnknownNames> {
        self.ask().map(|_| Vec::new())
    }

    async fn place_names(&self, _: DistrictId) -> LedgerResult<Vec<String>> {
        self.ask().map(|_| vec!["larkspur".to_owned(), "Larkspur Valley".to_owned()])
    }

    async fn preview(&self, _: &Actor, _: &ResetRequest, _: &[AccountId]) -> LedgerResult<Preview> {
        self.ask().map(|_| Preview { eligible: 3, skipped: Vec::new() })
    }

    async fn preview_reissue(&self, _: &Actor, _: &Reissue, _: &ResetRequest) -> LedgerResult<Preview> {
        unimplemented!("no test asks this yet")
    }

    async fn known(
        &self,
        _: DistrictId,
        idempotency: &keybell_shared::ports::ledger::Idempotency,
    ) -> LedgerResult<Option<Acceptance>> {
        let name = (idempotency.producer.clone(), idempotency.key.clone());
        Ok(self.ask()?.accepted.get(&name).map(|(fingerprint, known)| {
            if *fingerprint == idempotency.fingerprint { Acceptance::Repeated(*known) } else { Acceptance::Mismatch }
        }))
    }

    async fn accept(&self, task: NewTask) -> LedgerResult<Acceptance> {
        let mut memory = self.ask()?;
        let name = (task.idempotency.producer.clone(), task.idempotency.key.clone());
        if let Some((fingerprint, known)) = memory.accepted.get(&name) {
            let same = *fingerprint == task.idempotency.fingerprint;
            return Ok(if same { Acceptance::Repeated(*known) } else { Acceptance::Mismatch });
        }
        memory.accepted.insert(name, (task.idempotency.fingerprint, task.id));
        let seq = i64::try_from(memory.tasks.len()).expect("few") + 1;
        memory.tasks.push(TaskView {
            id: task.id,
            seq,
            district: task.actor.district,
            requester: task.actor.name,
            request: task.request,
            progress: Snapshot {
                task: task.id,
                district: task.actor.district,
                epoch: 1,
                version: 1,
                state: TaskState::Running,
                counts: Counts { open: 3, ..Counts::default() },
                accepted_at: Millis(1_800_000_000_000),
                finished_at: None,
                counted_at: Millis(1_800_000_001_000),
            },
            digest: None,
            parent: None,
            held: false,
            plan: None,
            approved_by: None,
            starts_at: None,
            wave: None,
            halted: None,
        });
        Ok(Acceptance::Accepted(task.id))
    }
}

#[async_trait]
impl ProducerLedger for FakeLedger {
    async fn producer(&self, _: &str) -> LedgerResult<Option<Producer>> {
        self.ask().map(|_| None)
    }

    async fn allow_producer(&self, _: &Actor, _: &str, _: QuotaChange) -> LedgerResult<Quota> {
        unimplemented!("the API asks nothing about producers")
    }

    async fn producers(&self, _: DistrictId) -> LedgerResult<Vec<ProducerView>> {
        unimplemented!("the API asks nothing about producers")
    }

    async fn forbid_producer(&self, _: &Actor, _: &str) -> LedgerResult<bool> {
        unimplemented!("the API asks nothing about producers")
    }

    async fn answer_repetition(&self, _: &Actor, _: &str, _: TaskId) -> LedgerResult<()> {
        unimplemented!("the API asks nothing about producers")
    }

    async fn refuse(&self, _: &Actor, _: &RequestRefused) -> LedgerResult<()> {
        unimplemented!("the API asks nothing about producers")
    }
}

#[async_trait]
impl TaskLedger for FakeLedger {
    async fn task(&self, district: DistrictId, task: TaskId) -> LedgerResult<Option<TaskView>> {
        assert!(!self.memory().panics, "the ledger's own defect");
        Ok(self.ask()?.tasks.iter().find(|view| view.district == district && view.id == task).cloned())
    }

    async fn tasks(
        &self,
        district: DistrictId,
        requester: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> LedgerResult<Vec<TaskView>> {
        let mine = |view: &&TaskView| {
            view.district == district
                && requester.is_none_or(|name| view.requester == name)
                && before.is_none_or(|seq| view.seq < seq)
        };
        Ok(self.ask()?.tasks.iter().rev().filter(mine).take(limit as usize).cloned().collect())
    }

    async fn items(&self, _: DistrictId, _: TaskId, filter: ItemFilter, limit: u32) -> LedgerResult<Vec<ItemView>> {
        let meant = |item: &&ItemView| {
            filter.state.is_none_or(|state| item.state == state) && filter.after.is_none_or(|after| item.id > after)
        };
        Ok(self.ask()?.items.iter().filter(meant).take(limit as usize).cloned().collect())
    }

    async fn snapshots(&self) -> LedgerResult<Vec<Snapshot>> {
        unimplemented!("the API never asks this")
    }

    async fn finish(&self, _: u32) -> LedgerResult<Vec<Closed>> {
        unimplemented!("the API never asks this")
    }

    async fn report(&self, _: DistrictId, _: TaskId, filter: ItemFilter, limit: u32) -> LedgerResult<Vec<ReportRow>> {
        let meant = |row: &&ReportRow| {
            filter.state.is_none_or(|state| row.state == state) && filter.after.is_none_or(|after| row.item > after)
        };
        Ok(self.ask()?.rows.iter().filter(meant).take(limit as usize).cloned().collect())
    }

    async fn resend(
        &self,
        _: &str,
        district: DistrictId,
        task: TaskId,
        _: &str,
        chosen: &Chosen,
    ) -> LedgerResult<Option<Resent>> {
        let mut memory = self.ask()?;
        memory.chosen.push(chosen.clone());
        let found = memory.tasks.iter().find(|view| view.district == district && view.id == task);
        Ok(found.map(|_| Resent { state: TaskState::Running, again: 2, left: vec![(Code::N08, 1), (Code::N02, 0)] }))
    }

    async fn pause(&self, district: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.turn(district, task, TaskState::Paused)?.map(|state| Standing { state, held: false }))
    }

    async fn resume(&self, district: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.turn(district, task, TaskState::Running)?.map(|state| Standing { state, held: false }))
    }

    async fn cancel(&self, district: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<TaskState>> {
        self.turn(district, task, TaskState::Cancelling)
    }
}

#[async_trait]
impl LeaderLedger for FakeLedger {
    async fn lead(&self, _: &str, _: &str, _: Duration) -> LedgerResult<bool> {
        unimplemented!("the API never asks this")
    }

    async fn resign(&self, _: &str, _: &str) -> LedgerResult<()> {
        unimplemented!("the API never asks this")
    }

    async fn ping(&self) -> LedgerResult<()> {
        self.ask().map(|_| ())
    }
}

#[async_trait]
impl AccountLedger for FakeLedger {
    async fn sign_in(&self, district: DistrictId, username: &str) -> LedgerResult<Option<SignIn>> {
        Ok(self.ask()?.accounts.get(&(district, username.to_lowercase())).cloned())
    }

    async fn try_sign_in(&self, account: AccountId) -> LedgerResult<bool> {
        self.ask()?.failures.push(account);
        Ok(true)
    }

    async fn sign_in_succeeded(&self, account: AccountId) -> LedgerResult<()> {
        let mut memory = self.ask()?;
        memory.failures.retain(|tried| *tried != account);
        memory.successes.push(account);
        Ok(())
    }

    async fn change_password(&self, _: &str, account: AccountId, version: i64, hash: &str) -> LedgerResult<bool> {
        let mut memory = self.ask()?;
        let found = memory.accounts.values_mut().find(|found| found.account == account);
        let Some(found) = found.filter(|found| found.credential_version == version) else { return Ok(false) };
        found.hash = Some(hash.to_owned());
        found.credential_version += 1;
        found.must_change = false;
        Ok(true)
    }
}

#[async_trait]
impl LinkLedger for FakeLedger {
    async fn link(&self, hash: &str) -> LedgerResult<Option<LinkHolder>> {
        Ok(self.ask()?.links.get(hash).cloned())
    }

    async fn redeem(&self, _: &str, account: AccountId, hash: &str, chosen: &str) -> LedgerResult<Option<i64>> {
        let mut memory = self.ask()?;
        let found = memory.links.remove(hash).filter(|holder| holder.account == account);
        Ok(found.map(|holder| {
            memory.chosen_by_link.push((holder.account, chosen.to_owned()));
            2
        }))
    }
}

#[async_trait]
impl KeyLedger for FakeLedger {
    async fn districts(&self) -> LedgerResult<Vec<District>> {
        unimplemented!("the API never asks this")
    }

    async fn ensure_district(&self, _: &str, _: &str) -> LedgerResult<District> {
        unimplemented!("the API never asks this")
    }

    async fn add_key(&self, key: NewKey) -> LedgerResult<keybell_shared::ports::ledger::KeyFate> {
        let mut memory = self.ask()?;
        if key.person.as_deref().is_some_and(|person| !person.starts_with("pupil")) {
            return Ok(KeyFate::UnknownPerson);
        }
        if key.name.starts_with(keybell_shared::actor::PRODUCER_PREFIX) {
            return Ok(KeyFate::NameReserved);
        }
        if memory.keys.values().any(|(_, actor)| actor.district == key.district && actor.name == key.name) {
            return Ok(KeyFate::NameTaken);
        }
        let actor = Actor { district: key.district, role: key.role, name: key.name, key: Some(key.id), person: None };
        memory.keys.insert(key.id, (key.secret_hash, actor));
        Ok(KeyFate::Added)
    }

    async fn key(&self, id: ApiKeyId) -> LedgerResult<Option<(Vec<u8>, Actor)>> {
        Ok(self.ask()?.keys.get(&id).cloned())
    }

    async fn keys(&self, district: DistrictId) -> LedgerResult<Vec<KeyView>> {
        let memory = self.ask()?;
        let own = memory.keys.iter().filter(|(_, (_, actor))| actor.district == district);
        let mut views: Vec<_> = own
            .map(|(id, (_, actor))| KeyView {
                id: *id,
                name: actor.name.clone(),
                role: actor.role,
                person: None,
                created_at: Millis(1_800_000_000_000),
                revoked_at: None,
            })
            .collect();
        views.sort_by_key(|view| view.id);
        Ok(views)
    }

    async fn sealed_with(&self, _: &str) -> LedgerResult<u64> {
        unimplemented!("no test asks this yet")
    }

    async fn sealed_until(&self, _: &str) -> LedgerResult<Option<Millis>> {
        unimplemented!("no test asks this yet")
    }

    async fn revoke_key(&self, by: &Actor, id: ApiKeyId) -> LedgerResult<bool> {
        let mut memory = self.ask()?;
        let own = memory.keys.get(&id).is_some_and(|(_, actor)| actor.district == by.district);
        Ok(own && memory.keys.remove(&id).is_some())
    }
}

#[async_trait]
impl RetentionLedger for FakeLedger {
    async fn purgeable(&self, _: &Retention) -> LedgerResult<Purged> {
        unimplemented!("no test asks this yet")
    }

    async fn purge(&self, _: &Retention, _: u32) -> LedgerResult<Purged> {
        unimplemented!("no test asks this yet")
    }
}

/// A desk of webhooks over the fake.
pub(super) fn desk(ledger: &Arc<FakeLedger>) -> Desk {
    let ledger: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(ledger);
    Desk::new(ledger, Arc::new(NoSender), None, keybell_shared::config::Webhooks::default())
}

/// Takes every URL and sends nothing.
struct NoSender;

#[async_trait]
impl WebhookSender for NoSender {
    fn check(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn send(&self, _: &WebhookCall) -> WebhookAnswer {
        unimplemented!("the API sends nothing")
    }
}
