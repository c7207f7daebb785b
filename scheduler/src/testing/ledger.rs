//! A ledger of one district in memory: as much of it as the scheduler asks for.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::clock::{Millis, Stopwatch};
use keybell_shared::codes::Code;
use keybell_shared::config::{Window, deferral};
use keybell_shared::error::LedgerError;
use keybell_shared::events::RequestRefused;
use keybell_shared::ids::{AccountId, ApiKeyId, DistrictId, ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::events::Event;
use keybell_shared::ports::ledger::{
    Acceptance, Chosen, Chunk, Closed, DispatchLedger, District, Expansion, ExpansionLedger, IntakeLedger, ItemFilter,
    ItemView, KeyLedger, KeyView, LeaderLedger, LedgerResult, MAX_DEFECTS, NewKey, NewTask, OutboxLedger, Preview,
    Producer, ProducerLedger, ProducerView, Quota, QuotaChange, Reissue, RepairLedger, ReportRow, Resent, ResetJob,
    ResetLedger, ResetOutcome, ResetWrite, Resolved, Runnable, Standing, TaskLedger, TaskView, UnknownNames,
};
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::request::{ResetRequest, Selection};
use keybell_shared::stage::Stage;
use keybell_shared::states::{ItemState, TaskState};

use super::webhooks::Post;

/// A waiting notification that is due.
pub(crate) struct Note {
    pub(crate) message: Message,
    pub(crate) published: bool,
}

pub(crate) struct FakeTask {
    pub(crate) new: NewTask,
    pub(crate) state: TaskState,
    pub(crate) items: Vec<(ItemId, ItemState)>,
    pub(crate) version: i64,
    pub(crate) held: bool,
    pub(crate) defects: u32,
}

/// Everything that a test may set or look at.
pub(crate) struct State {
    pub(crate) district: DistrictId,
    pub(crate) names: HashMap<String, AccountId>,
    /// Who would be left as they are by an upload, and why.
    pub(crate) left: HashMap<String, Code>,
    /// How often every password was changed.
    pub(crate) password_version: i64,
    pub(crate) preview: Preview,
    /// Whom a re-issue means.
    pub(crate) again: Preview,
    /// What re-sends were asked for: writer and choice.
    pub(crate) resends: Vec<(String, Chosen)>,
    pub(crate) unknown_names: UnknownNames,
    pub(crate) producers: HashMap<String, Producer>,
    pub(crate) tasks: Vec<FakeTask>,
    pub(crate) refused: Vec<RequestRefused>,
    /// Repetitions that were answered: message id and task.
    pub(crate) answered: Vec<(String, TaskId)>,
    /// No refusal can be stored.
    pub(crate) unrefusable: bool,
    /// Nothing answers.
    pub(crate) away: bool,
    /// So many calls of `accept` meet a defect.
    pub(crate) defects: u32,
    pub(crate) accepts: u32,
    pub(crate) lease: Option<(String, Stopwatch, Duration)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) lost: Vec<Message>,
    pub(crate) expired: u64,
    pub(crate) sweeps: u32,
    pub(crate) graces: Vec<Duration>,
    pub(crate) events: Vec<Event>,
    pub(crate) unchained: u64,
    pub(crate) mismatch: Option<String>,
    /// This task cannot be expanded.
    pub(crate) broken: Option<TaskId>,
    /// So many calls of `expanding` panic.
    pub(crate) panics: u32,
    /// Webhooks and what waits for them.
    pub(crate) post: Post,
    keys: HashMap<(String, String), (String, TaskId)>,
}

pub(crate) struct FakeLedger(Mutex<State>);

impl FakeLedger {
    /// A district with `accounts` eligible accounts, named `a0`, `a1`, …
    pub(crate) fn new(accounts: u64) -> Self {
        Self(Mutex::new(State {
            district: DistrictId::fresh(),
            names: (0..accounts).map(|n| (format!("a{n}"), AccountId::fresh())).collect(),
            left: HashMap::new(),
            password_version: 0,
            preview: Preview { eligible: accounts, skipped: Vec::new() },
            again: Preview { eligible: accounts, skipped: Vec::new() },
            resends: Vec::new(),
            unknown_names: Vec::new(),
            producers: HashMap::new(),
            tasks: Vec::new(),
            refused: Vec::new(),
            answered: Vec::new(),
            unrefusable: false,
            away: false,
            defects: 0,
            accepts: 0,
            lease: None,
            notes: Vec::new(),
            lost: Vec::new(),
            expired: 0,
            sweeps: 0,
            graces: Vec::new(),
            events: Vec::new(),
            unchained: 0,
            mismatch: None,
            broken: None,
            panics: 0,
            post: Post::default(),
            keys: HashMap::new(),
        }))
    }

    /// The state, for the test.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The state, for a call of the ledger.
    pub(super) fn up(&self) -> LedgerResult<MutexGuard<'_, State>> {
        let state = self.state();
        if state.away { Err(LedgerError::Unavailable("switched off by the test".into())) } else { Ok(state) }
    }

    /// Sets an item's state, as a worker's commit would.
    pub(crate) fn settle(&self, item: ItemId, to: ItemState) {
        let mut state = self.state();
        for task in &mut state.tasks {
            for (_, at) in task.items.iter_mut().filter(|(id, _)| *id == item) {
                *at = to;
                task.version += 1;
            }
        }
    }

    /// The states of the task's items.
    pub(crate) fn items_of(&self, task: TaskId) -> Vec<ItemState> {
        self.state().task(task).items.iter().map(|(_, state)| *state).collect()
    }
}

impl State {
    pub(crate) fn task(&mut self, id: TaskId) -> &mut FakeTask {
        self.tasks.iter_mut().find(|task| task.new.id == id).unwrap()
    }

    /// Pauses or resumes.
    fn hold(&mut self, id: TaskId, held: bool) -> Option<Standing> {
        let task = self.tasks.iter_mut().find(|task| task.new.id == id)?;
        match (task.state, held) {
            (TaskState::Running, true) => task.state = TaskState::Paused,
            (TaskState::Paused, false) => task.state = TaskState::Running,
            (TaskState::Expanding | TaskState::AwaitingApproval, _) => task.held = held,
            _ => {}
        }
        task.version += 1;
        Some(Standing { state: task.state, held: task.held })
    }

    fn change(&mut self, id: TaskId, from: &[TaskState], to: TaskState) -> Option<TaskState> {
        let task = self.tasks.iter_mut().find(|task| task.new.id == id)?;
        if from.contains(&task.state) {
            task.state = to;
            task.version += 1;
        }
        Some(task.state)
    }
}

pub(super) fn unused<T>() -> LedgerResult<T> {
    Err(LedgerError::Defect("no scheduler asks for this".into()))
}

fn snapshot(task: &FakeTask) -> Snapshot {
    let mut counts = Counts::default();
    for (_, state) in &task.items {
        counts.add(*state, 1);
    }
    Snapshot {
        task: task.new.id,
        district: task.new.actor.district,
        epoch: 1,
        version: task.version,
        state: task.state,
        counts,
        accepted_at: Millis(0),
        finished_at: None,
        counted_at: Millis(0),
    }
}

#[async_trait]
impl IntakeLedger for FakeLedger {
    async fn resolve_accounts(&self, _: DistrictId, names: &[String]) -> LedgerResult<Resolved> {
        let state = self.up()?;
        let find = |name: &String| {
            let by_id = || state.names.values().find(|id| id.to_string() == *name);
            state.names.get(name).or_else(by_id).copied()
        };
        let unknown = names.iter().filter(|name| find(name).is_none()).cloned().collect();
        let found: HashSet<_> = names.iter().filter_map(find).collect();
        Ok(Resolved { found: found.into_iter().collect(), unknown })
    }

    async fn unknown_names(&self, _: DistrictId, _: &Selection) -> LedgerResult<UnknownNames> {
        Ok(self.up()?.unknown_names.clone())
    }

    async fn place_names(&self, _: DistrictId) -> LedgerResult<Vec<String>> {
        self.up().map(|_| ["larkspur", "Larkspur Valley", "Oak Elm Bay"].map(str::to_owned).to_vec())
    }

    async fn preview(&self, _: &Actor, _: &ResetRequest, _: &[AccountId]) -> LedgerResult<Preview> {
        Ok(self.up()?.preview.clone())
    }

    async fn preview_reissue(&self, _: &Actor, _: &Reissue, _: &ResetRequest) -> LedgerResult<Preview> {
        Ok(self.up()?.again.clone())
    }

    async fn known(
        &self,
        _: DistrictId,
        idempotency: &keybell_shared::ports::ledger::Idempotency,
    ) -> LedgerResult<Option<Acceptance>> {
        let key = (idempotency.producer.clone(), idempotency.key.clone());
        Ok(self.up()?.keys.get(&key).map(|(fingerprint, known)| {
            if *fingerprint == idempotency.fingerprint { Acceptance::Repeated(*known) } else { Acceptance::Mismatch }
        }))
    }

    async fn accept(&self, task: NewTask) -> LedgerResult<Acceptance> {
        let mut state = self.up()?;
        state.accepts += 1;
        if state.defects > 0 {
            state.defects -= 1;
            return Err(LedgerError::Defect("asked for by the test".into()));
        }
        let key = (task.idempotency.producer.clone(), task.idempotency.key.clone());
        if let Some((fingerprint, known)) = state.keys.get(&key) {
            let same = *fingerprint == task.idempotency.fingerprint;
            return Ok(if same { Acceptance::Repeated(*known) } else { Acceptance::Mismatch });
        }
        let trial = task.trial.clone().map(|trial| ("(trial)".to_owned(), trial));
        if let Some((_, known)) = trial.as_ref().and_then(|trial| state.keys.get(trial)) {
            return Ok(Acceptance::Started(*known));
        }
        let allowed = task.actor.broker_user().and_then(|name| state.producers.get(name)).map(|known| known.quota);
        let made = || state.keys.keys().filter(|(producer, _)| *producer == key.0).count();
        if let Some(quota) = allowed.filter(|quota| made() >= quota.requests_per_hour as usize) {
            return Ok(Acceptance::OverQuota(quota.requests_per_hour));
        }
        let id = task.id;
        if let Some(trial) = trial {
            state.keys.insert(trial, (String::new(), id));
        }
        state.keys.insert(key, (task.idempotency.fingerprint.clone(), id));
        state.tasks.push(FakeTask {
            new: task,
            state: TaskState::Expanding,
            items: Vec::new(),
            version: 1,
            held: false,
            defects: 0,
        });
        Ok(Acceptance::Accepted(id))
    }
}

#[async_trait]
impl ProducerLedger for FakeLedger {
    async fn producer(&self, name: &str) -> LedgerResult<Option<Producer>> {
        Ok(self.up()?.producers.get(name).cloned())
    }

    async fn allow_producer(&self, _: &Actor, _: &str, _: QuotaChange) -> LedgerResult<Quota> {
        unused()
    }

    async fn producers(&self, _: DistrictId) -> LedgerResult<Vec<ProducerView>> {
        unused()
    }

    async fn forbid_producer(&self, _: &Actor, _: &str) -> LedgerResult<bool> {
        unused()
    }

    async fn answer_repetition(&self, _: &Actor, message_id: &str, task: TaskId) -> LedgerResult<()> {
        self.up()?.answered.push((message_id.into(), task));
        Ok(())
    }

    async fn refuse(&self, _: &Actor, refusal: &RequestRefused) -> LedgerResult<()> {
        let mut state = self.up()?;
        if state.unrefusable {
            return Err(LedgerError::Defect("asked for by the test".into()));
        }
        state.refused.push(refusal.clone());
        Ok(())
    }
}

#[async_trait]
impl ExpansionLedger for FakeLedger {
    async fn expanding(&self, limit: u32) -> LedgerResult<Vec<TaskId>> {
        let mut state = self.up()?;
        if state.panics > 0 {
            state.panics -= 1;
            drop(state);
            panic!("asked for by the test");
        }
        let open = state.tasks.iter().filter(|task| task.state == TaskState::Expanding);
        Ok(open.map(|task| task.new.id).take(limit as usize).collect())
    }

    async fn expand_next(&self, _: &str, task: TaskId, how: Expansion) -> LedgerResult<Chunk> {
        let mut state = self.up()?;
        if state.broken == Some(task) {
            return Err(LedgerError::Defect("asked for by the test".into()));
        }
        let (all, before) = (state.preview.eligible, state.tasks.iter().map(|task| task.items.len()).sum::<usize>());
        let task = state.task(task);
        if task.state != TaskState::Expanding {
            return Ok(Chunk::NotExpanding);
        }
        let count = (all - task.items.len() as u64).min(u64::from(how.size));
        task.version += 1;
        let first = i64::try_from(before).unwrap();
        task.items.extend((0..i64::try_from(count).unwrap()).map(|n| (ItemId(first + n), ItemState::Pending)));
        if task.items.len() as u64 == all {
            let awaits = how.approval_above.is_some_and(|above| all > u64::from(above));
            task.state = match (awaits, task.held) {
                (true, _) => TaskState::AwaitingApproval,
                (false, true) => TaskState::Paused,
                (false, false) => TaskState::Running,
            };
            task.held &= awaits;
            return Ok(Chunk::Finished(count));
        }
        Ok(Chunk::More(count))
    }

    async fn expansion_failed(&self, task: TaskId) -> LedgerResult<bool> {
        let mut state = self.up()?;
        let task = state.task(task);
        task.defects += 1;
        let over = task.state == TaskState::Expanding && task.defects >= MAX_DEFECTS;
        if over {
            task.state = TaskState::Failed;
        }
        Ok(over)
    }
}

#[async_trait]
impl DispatchLedger for FakeLedger {
    async fn queued(&self, limit: u32) -> LedgerResult<u32> {
        let state = self.up()?;
        let queued = state.tasks.iter().flat_map(|task| &task.items).filter(|(_, at)| *at == ItemState::Queued).count();
        Ok(u32::try_from(queued).unwrap().min(limit))
    }

    async fn runnable(&self, limit: u32, blackout: &[Window]) -> LedgerResult<Vec<Runnable>> {
        let state = self.up()?;
        let now = keybell_shared::clock::wall();
        let waits = |task: &FakeTask| {
            let request = &task.new.request;
            let early = request.start.as_ref().and_then(keybell_shared::request::Start::instant);
            early.is_some_and(|at| at.0 > now.0) || (!request.is_urgent() && deferral(blackout, now).is_some())
        };
        let pending = |task: &&FakeTask| {
            task.state == TaskState::Running
                && !waits(task)
                && task.items.iter().any(|(_, at)| *at == ItemState::Pending)
        };
        let runnable = |task: &FakeTask| Runnable { task: task.new.id, district: task.new.actor.district, wave: None };
        Ok(state.tasks.iter().filter(pending).map(runnable).take(limit as usize).collect())
    }

    async fn pending(&self, task: TaskId, _: Option<u32>, limit: u32) -> LedgerResult<Vec<(ItemId, u32)>> {
        let mut state = self.up()?;
        let pending = state.task(task).items.iter().filter(|(_, at)| *at == ItemState::Pending);
        Ok(pending.map(|(id, _)| (*id, 1)).take(limit as usize).collect())
    }

    async fn mark_queued(&self, items: &[ItemId]) -> LedgerResult<u64> {
        let mut state = self.up()?;
        let ids: HashSet<_> = items.iter().collect();
        let all = state.tasks.iter_mut().flat_map(|task| &mut task.items);
        let mut marked = 0;
        for (_, at) in all.filter(|(id, at)| ids.contains(id) && *at == ItemState::Pending) {
            *at = ItemState::Queued;
            marked += 1;
        }
        Ok(marked)
    }
}

#[async_trait]
impl RepairLedger for FakeLedger {
    async fn expire_leases(&self, _: &str, _: Duration, limit: u32) -> LedgerResult<u64> {
        let mut state = self.up()?;
        let count = state.expired.min(u64::from(limit));
        state.expired -= count;
        Ok(count)
    }

    async fn due_notifications(
        &self,
        _: &str,
        stage: Stage,
        _: bool,
        grace: Duration,
        limit: u32,
    ) -> LedgerResult<Vec<Message>> {
        let mut ledger = self.up()?;
        ledger.graces.push(grace);
        let due = ledger.notes.iter_mut().filter(|note| !note.published && note.message.stage() == stage);
        let note = |note: &mut Note| {
            note.published = true;
            note.message
        };
        Ok(due.take(limit as usize).map(note).collect())
    }

    async fn lost_items(&self, _: &str, grace: Duration, _: u32) -> LedgerResult<Vec<Message>> {
        let mut state = self.up()?;
        state.graces.push(grace);
        Ok(std::mem::take(&mut state.lost))
    }

    async fn count_death(&self, _: &str, _: &Message) -> LedgerResult<bool> {
        unused()
    }

    async fn sweep_seals(&self, _: &str, _: u32) -> LedgerResult<u64> {
        self.up()?.sweeps += 1;
        Ok(0)
    }
}

#[async_trait]
impl ResetLedger for FakeLedger {
    async fn reset_jobs(&self, _: &[ItemId]) -> LedgerResult<Vec<ResetJob>> {
        unused()
    }

    async fn hold(&self, _: &[ItemId]) -> LedgerResult<()> {
        unused()
    }

    async fn commit_resets(&self, _: &str, _: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
        unused()
    }

    async fn fail_items(&self, _: &str, _: &[ItemId], _: Code) -> LedgerResult<()> {
        unused()
    }

    async fn unpublish(&self, notifications: &[NotificationId]) -> LedgerResult<()> {
        let mut state = self.up()?;
        for note in &mut state.notes {
            if let Work::Email(id) | Work::Sms(id) = note.message.work
                && notifications.contains(&id)
            {
                note.published = false;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl TaskLedger for FakeLedger {
    async fn task(&self, district: DistrictId, id: TaskId) -> LedgerResult<Option<TaskView>> {
        let state = self.up()?;
        let found = state.tasks.iter().find(|task| task.new.id == id && task.new.actor.district == district);
        Ok(found.map(|task| TaskView {
            id,
            seq: 1,
            district,
            requester: task.new.actor.name.clone(),
            request: task.new.request.clone(),
            progress: snapshot(task),
            digest: None,
            parent: task.new.reissue.as_ref().map(|reissue| reissue.parent),
            held: task.held,
            plan: None,
            approved_by: None,
            starts_at: task.new.request.start.as_ref().and_then(keybell_shared::request::Start::instant),
            wave: None,
            halted: None,
        }))
    }

    async fn tasks(&self, _: DistrictId, _: Option<&str>, _: Option<i64>, _: u32) -> LedgerResult<Vec<TaskView>> {
        unused()
    }

    async fn items(&self, _: DistrictId, _: TaskId, _: ItemFilter, _: u32) -> LedgerResult<Vec<ItemView>> {
        unused()
    }

    async fn snapshots(&self) -> LedgerResult<Vec<Snapshot>> {
        Ok(self.up()?.tasks.iter().map(snapshot).collect())
    }

    async fn finish(&self, limit: u32) -> LedgerResult<Vec<Closed>> {
        let mut state = self.up()?;
        let mismatch = state.mismatch.clone();
        let done =
            |task: &&mut FakeTask| task.state == TaskState::Running && task.items.iter().all(|(_, at)| at.is_final());
        let close = |task: &mut FakeTask| {
            task.state = TaskState::Completed;
            task.version += 1;
            Closed { task: task.new.id, state: task.state, mismatch: mismatch.clone() }
        };
        Ok(state.tasks.iter_mut().filter(done).take(limit as usize).map(close).collect())
    }

    async fn report(&self, _: DistrictId, _: TaskId, _: ItemFilter, _: u32) -> LedgerResult<Vec<ReportRow>> {
        unused()
    }

    async fn resend(
        &self,
        writer: &str,
        _: DistrictId,
        task: TaskId,
        _: &str,
        chosen: &Chosen,
    ) -> LedgerResult<Option<Resent>> {
        let mut state = self.up()?;
        state.resends.push((writer.to_owned(), chosen.clone()));
        let found = state.tasks.iter().find(|known| known.new.id == task);
        Ok(found.map(|task| Resent { state: task.state, again: 1, left: Vec::new() }))
    }

    async fn pause(&self, _: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.up()?.hold(task, true))
    }

    async fn resume(&self, _: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<Standing>> {
        Ok(self.up()?.hold(task, false))
    }

    async fn cancel(&self, _: DistrictId, task: TaskId, _: &str) -> LedgerResult<Option<TaskState>> {
        let open = [
            TaskState::Expanding,
            TaskState::AwaitingApproval,
            TaskState::Running,
            TaskState::Paused,
            TaskState::Cancelling,
        ];
        Ok(self.up()?.change(task, &open, TaskState::Cancelled))
    }
}

#[async_trait]
impl OutboxLedger for FakeLedger {
    async fn unsent_events(&self, limit: u32) -> LedgerResult<Vec<Event>> {
        Ok(self.up()?.events.iter().take(limit as usize).cloned().collect())
    }

    async fn events_sent(&self, ids: &[i64]) -> LedgerResult<()> {
        self.up()?.events.retain(|event| !ids.contains(&event.id));
        Ok(())
    }

    async fn chain_audit(&self, limit: u32) -> LedgerResult<u64> {
        let mut state = self.up()?;
        let count = state.unchained.min(u64::from(limit));
        state.unchained -= count;
        Ok(count)
    }
}

#[async_trait]
impl LeaderLedger for FakeLedger {
    async fn lead(&self, _: &str, holder: &str, ttl: Duration) -> LedgerResult<bool> {
        let mut state = self.up()?;
        let free = state.lease.as_ref().is_none_or(|(by, since, ttl)| by == holder || since.elapsed() >= *ttl);
        if free {
            state.lease = Some((holder.into(), Stopwatch::start(), ttl));
        }
        Ok(free)
    }

    async fn resign(&self, _: &str, holder: &str) -> LedgerResult<()> {
        self.up()?.lease.take_if(|(by, ..)| by == holder);
        Ok(())
    }

    async fn ping(&self) -> LedgerResult<()> {
        Ok(())
    }
}

#[async_trait]
impl KeyLedger for FakeLedger {
    async fn districts(&self) -> LedgerResult<Vec<District>> {
        let state = self.up()?;
        Ok(vec![District { id: state.district, slug: "larkspur".into(), name: "Larkspur Unified Schools".into() }])
    }

    async fn ensure_district(&self, _: &str, _: &str) -> LedgerResult<District> {
        unused()
    }

    async fn add_key(&self, _: NewKey) -> LedgerResult<keybell_shared::ports::ledger::KeyFate> {
        unused()
    }

    async fn key(&self, _: ApiKeyId) -> LedgerResult<Option<(Vec<u8>, Actor)>> {
        unused()
    }

    async fn keys(&self, _: DistrictId) -> LedgerResult<Vec<KeyView>> {
        unused()
    }

    async fn sealed_with(&self, _: &str) -> LedgerResult<u64> {
        unused()
    }

    async fn sealed_until(&self, _: &str) -> LedgerResult<Option<Millis>> {
        unused()
    }

    async fn revoke_key(&self, _: &Actor, _: ApiKeyId) -> LedgerResult<bool> {
        unused()
    }
}
