//! A ledger of items in memory, as far as the reset stage and the dead letters see it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::error::LedgerError;
use keybell_shared::ids::{AccountId, DistrictId, ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::{
    LedgerResult, MAX_DEAD, RepairLedger, ResetJob, ResetLedger, ResetOutcome, ResetWrite,
};
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::Sealed;
use keybell_shared::stage::Stage;

/// One item with everything that a job says of it.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) district: DistrictId,
    pub(crate) task: TaskId,
    pub(crate) account: AccountId,
    pub(crate) request: Arc<ResetRequest>,
    pub(crate) shared: Option<Sealed>,
    pub(crate) uploaded: Option<Sealed>,
    /// What `reset_jobs` says.
    pub(crate) hint: Decision,
    /// What the commit decides.
    pub(crate) decision: Decision,
    pub(crate) forbidden: Vec<String>,
    /// Whether its notification waits to be published.
    pub(crate) waits: bool,
    pub(crate) written: Option<ResetWrite>,
    pub(crate) failed: Option<Code>,
}

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) items: BTreeMap<ItemId, Item>,
    pub(crate) held: Vec<ItemId>,
    pub(crate) unpublished: Vec<NotificationId>,
    pub(crate) groups: Vec<usize>,
    pub(crate) deaths: u32,
    /// Everything is unavailable.
    pub(crate) down: bool,
    /// Commits are unavailable.
    pub(crate) no_commits: bool,
    pub(crate) no_unpublish: bool,
    /// Items that the database refuses to write.
    pub(crate) bad: HashSet<ItemId>,
    /// Items that the database refuses to read.
    pub(crate) unreadable: HashSet<ItemId>,
    pub(crate) reads: usize,
}

#[derive(Clone, Default)]
pub(crate) struct FakeLedger(Arc<Mutex<Rows>>);

impl FakeLedger {
    pub(crate) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().expect("no panic holds the lock")
    }

    fn up(&self) -> LedgerResult<MutexGuard<'_, Rows>> {
        let rows = self.rows();
        if rows.down { Err(LedgerError::Unavailable("down".into())) } else { Ok(rows) }
    }
}

/// The notification of an item has the item's number.
fn notice(id: ItemId, item: &Item) -> Message {
    Message {
        district: item.district,
        task: item.task,
        work: Work::Email(NotificationId(id.0)),
        dispatch: 1,
        trace: None,
    }
}

#[async_trait]
impl ResetLedger for FakeLedger {
    async fn reset_jobs(&self, items: &[ItemId]) -> LedgerResult<Vec<ResetJob>> {
        let mut rows = self.up()?;
        rows.reads += 1;
        if items.iter().any(|item| rows.unreadable.contains(item)) {
            return Err(LedgerError::Defect("unreadable".into()));
        }
        let job = |id: &ItemId| {
            let item = rows.items.get(id)?;
            let closed = item.written.is_some();
            Some(ResetJob {
                item: *id,
                task: item.task,
                district: item.district,
                account: item.account,
                decision: if closed { Decision::Closed } else { item.hint },
                request: Arc::clone(&item.request),
                shared: item.shared.clone(),
                uploaded: item.uploaded.clone(),
                grade: Some("07".into()),
                rank: 10,
                forbidden: item.forbidden.clone(),
                waiting: if item.waits { vec![notice(*id, item)] } else { Vec::new() },
            })
        };
        Ok(items.iter().filter_map(job).collect())
    }

    async fn hold(&self, items: &[ItemId]) -> LedgerResult<()> {
        self.up()?.held.extend(items);
        Ok(())
    }

    async fn commit_resets(&self, _: &str, writes: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
        let mut rows = self.up()?;
        if rows.no_commits {
            return Err(LedgerError::Unavailable("no commits".into()));
        }
        let accounts: HashSet<AccountId> = writes.iter().map(|write| write.account).collect();
        assert_eq!(accounts.len(), writes.len(), "an account twice in one group");
        rows.groups.push(writes.len());
        let bad = rows.bad.clone();
        let mut outcomes = Vec::new();
        for write in writes.iter().filter(|write| !bad.contains(&write.item)) {
            let item = rows.items.get_mut(&write.item).expect("known");
            let decision = if item.written.is_some() { Decision::Closed } else { item.decision };
            let outcome = match decision {
                Decision::Reset if write.hash.is_empty() && item.request.mode.sets_password() => {
                    ResetOutcome::NotChanged(Decision::Hold)
                }
                Decision::Reset => {
                    item.written = Some(write.clone());
                    ResetOutcome::Changed(item.waits.then(|| notice(write.item, item)).into_iter().collect())
                }
                Decision::Skip(_) | Decision::Fail(_) | Decision::Supersede | Decision::Hold | Decision::Closed => {
                    ResetOutcome::NotChanged(decision)
                }
            };
            outcomes.push((write.item, outcome));
        }
        Ok(outcomes)
    }

    async fn fail_items(&self, _: &str, items: &[ItemId], code: Code) -> LedgerResult<()> {
        let mut rows = self.up()?;
        for item in items {
            rows.items.get_mut(item).expect("known").failed = Some(code);
        }
        Ok(())
    }

    async fn unpublish(&self, notifications: &[NotificationId]) -> LedgerResult<()> {
        let mut rows = self.up()?;
        if rows.no_unpublish {
            return Err(LedgerError::Unavailable("no unpublish".into()));
        }
        rows.unpublished.extend(notifications);
        Ok(())
    }
}

#[async_trait]
impl RepairLedger for FakeLedger {
    async fn expire_leases(&self, _: &str, _: Duration, _: u32) -> LedgerResult<u64> {
        Ok(0)
    }

    async fn due_notifications(&self, _: &str, _: Stage, _: bool, _: Duration, _: u32) -> LedgerResult<Vec<Message>> {
        Ok(Vec::new())
    }

    async fn lost_items(&self, _: &str, _: Duration, _: u32) -> LedgerResult<Vec<Message>> {
        Ok(Vec::new())
    }

    async fn count_death(&self, _: &str, _: &Message) -> LedgerResult<bool> {
        let mut rows = self.up()?;
        rows.deaths += 1;
        Ok(rows.deaths <= MAX_DEAD)
    }

    async fn sweep_seals(&self, _: &str, _: u32) -> LedgerResult<u64> {
        Ok(0)
    }
}
