//! A small ledger in memory, as much of one as the API asks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::clock::Millis;
use keybell_shared::error::LedgerError;
use keybell_shared::ids::{AccountId, ApiKeyId, DistrictId, TaskId};
use keybell_shared::ports::ledger::*;
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::request::Selection;
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
    pub(super) accepted: HashMap<(String, String), (String, TaskId)>,
    /// By district and lower-case username.
    pub(super) accounts: HashMap<(DistrictId, String), SignIn>,
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

    fn ask(&self) -> LedgerResult<MutexGuard<'_, Memory>> {
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

    async fn preview(&self, _: &Actor, _: &Selection, _: &[AccountId]) -> LedgerResult<Preview> {
        self.ask().map(|_| Preview { eligible: 3, skipped: Vec::new() })
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
        });
        Ok(Acceptance::Accepted(task.id))
    }

    async fn producer(&self, _: &str) -> LedgerResult<Option<Actor>> {
        self.ask().map(|_| None)
    }

    async fn allow_producer(&self, _: DistrictId, _: &str) -> LedgerResult<()> {
        self.ask().map(|_| ())
    }

    async fn refuse(&self, _: &Actor, _: &str, _: &str, _: &str) -> LedgerResult<()> {
        self.ask().map(|_| ())
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

    async fn pause(&self, district: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<TaskState>> {
        self.turn(district, task, TaskState::Paused)
    }

    async fn resume(&self, district: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<TaskState>> {
        self.turn(district, task, TaskState::Running)
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
impl KeyLedger for FakeLedger {
    async fn districts(&self) -> LedgerResult<Vec<District>> {
        unimplemented!("the API never asks this")
    }

    async fn ensure_district(&self, _: &str, _: &str) -> LedgerResult<District> {
        unimplemented!("the API never asks this")
    }

    async fn add_key(&self, _: NewKey) -> LedgerResult<keybell_shared::ports::ledger::KeyFate> {
        unimplemented!("the API never asks this")
    }

    async fn key(&self, id: ApiKeyId) -> LedgerResult<Option<(Vec<u8>, Actor)>> {
        Ok(self.ask()?.keys.get(&id).cloned())
    }

    async fn keys(&self, _: DistrictId) -> LedgerResult<Vec<KeyView>> {
        unimplemented!("the API never asks this")
    }

    async fn revoke_key(&self, _: DistrictId, id: ApiKeyId) -> LedgerResult<bool> {
        Ok(self.ask()?.keys.remove(&id).is_some())
    }
}
