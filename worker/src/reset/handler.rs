//! The reset stage.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keybell_hashing::HashPool;
use keybell_shared::codes::Code;
use keybell_shared::config;
use keybell_shared::eligibility::Decision;
use keybell_shared::error::LedgerError;
use keybell_shared::fault::{self, Window};
use keybell_shared::ids::ItemId;
use keybell_shared::message::{Message, Work};
use keybell_shared::metrics::{self, Outcome};
use keybell_shared::ports::ledger::{ResetJob, ResetLedger, ResetOutcome};
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::retry::{RetryPolicy, delay_after};
use keybell_shared::seal::{KeyRing, SealKey};
use keybell_shared::stage::Stage;
use keybell_shared::verdict::Verdict;
use tracing::{debug, warn};

use super::commit::{commit, verdict_of};
use super::prepare::{Prepared, Preparer};
use super::publish::publish;
use super::traces::Traces;
use crate::harness::{BatchRule, Handler};

/// The waits between two questions whether the ledger is back.
const PROBES: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), multiplier: 2.0, max: Duration::from_secs(5), jitter: 0.3 };

/// What the reset stage is made of.
pub struct Parts {
    /// Jobs and commits.
    pub ledger: Arc<dyn ResetLedger>,
    /// Where notifications are published.
    pub queue: Arc<dyn WorkQueue>,
    /// The hashing threads.
    pub pool: Arc<HashPool>,
    /// `reset.key`: opens shared and uploaded passwords.
    pub open_key: Arc<KeyRing>,
    /// `notifier.pub`: seals new passwords to the notifiers.
    pub seal_key: Arc<SealKey>,
    /// Group size, wait and prefetch.
    pub worker: config::Worker,
    /// How long the sealed password of a permanent one is kept.
    pub seal_ttl: Duration,
    /// This process's name in the ledger.
    pub writer: String,
}

/// The reset stage, for the harness.
#[must_use]
pub fn handler(parts: Parts) -> Arc<dyn Handler> {
    Arc::new(Resetter { parts, missed: Mutex::new(None) })
}

struct Resetter {
    parts: Parts,
    /// An item that the ledger could not be asked about: the question that finds out whether it is back.
    missed: Mutex<Option<ItemId>>,
}

#[async_trait]
impl Handler for Resetter {
    fn source(&self) -> Source {
        Source::Stage(Stage::Reset)
    }

    fn prefetch(&self) -> u16 {
        self.parts.worker.reset_prefetch()
    }

    fn batch(&self) -> BatchRule {
        BatchRule { max: self.parts.worker.group, wait: self.parts.worker.group_wait }
    }

    async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict> {
        let mut verdicts = Verdicts::default();
        self.settle(&batch, &mut verdicts).await;
        if let Some(item) = verdicts.first_unsettled() {
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
        }
        batch.iter().map(|message| verdicts.of(message)).collect()
    }

    /// Pending while the ledger does not answer: without this question, an outage would use up the deliveries of
    /// messages that nothing is wrong with.
    async fn ready(&self) {
        let mut tries = 0;
        loop {
            let Some(item) = *self.missed.lock().unwrap_or_else(PoisonError::into_inner) else { return };
            match self.parts.ledger.reset_jobs(&[item]).await {
                Err(error) if error.is_passing() => {
                    tries += 1;
                    tokio::time::sleep(delay_after(tries, &PROBES)).await;
                }
                Ok(_) | Err(_) => *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = None,
            }
        }
    }
}

impl Resetter {
    /// Settles a batch: what is not settled here has its verdict when this returns.
    async fn settle(&self, batch: &[Message], verdicts: &mut Verdicts) {
        let mut items: Vec<ItemId> = batch.iter().filter_map(item_of).collect();
        items.sort_unstable();
        items.dedup();
        let traces = Traces::of(batch);
        let jobs = self.jobs(&items, verdicts).await;
        let mut held = Vec::new();
        let mut waiting = Vec::new();
        let mut open = Vec::new();
        for job in known(batch, jobs, verdicts) {
            match job.decision {
                Decision::Hold => held.push(job.item),
                Decision::Closed => {
                    metrics::get().worker.outcome(Stage::Reset, Outcome::Skipped, 1);
                    waiting.extend(job.waiting.iter().map(|message| (job.item, traces.continued(job.item, *message))));
                }
                Decision::Reset | Decision::Skip(_) | Decision::Fail(_) | Decision::Supersede => open.push(job),
            }
        }
        self.hold(&held, verdicts).await;
        self.publish(&waiting, verdicts).await;
        if !open.is_empty() {
            self.reset(&open, &traces, verdicts).await;
        }
    }

    /// Reads items; one that the database refuses to read does not spoil the others.
    async fn jobs(&self, items: &[ItemId], verdicts: &mut Verdicts) -> Vec<ResetJob> {
        match self.parts.ledger.reset_jobs(items).await {
            Ok(jobs) => jobs,
            Err(LedgerError::Defect(_)) if items.len() > 1 => {
                let mut jobs = Vec::with_capacity(items.len());
                for item in items {
                    match self.parts.ledger.reset_jobs(&[*item]).await {
                        Ok(job) => jobs.extend(job),
                        Err(error) => verdicts.set(*item, verdict_of(&error)),
                    }
                }
                jobs
            }
            Err(error) => {
                verdicts.set_all(items, &verdict_of(&error));
                Vec::new()
            }
        }
    }

    /// Prepares, commits, publishes.
    async fn reset(&self, open: &[ResetJob], traces: &Traces, verdicts: &mut Verdicts) {
        let Parts { pool, open_key, seal_key, seal_ttl, .. } = &self.parts;
        let preparer = Preparer { pool, open_key, sealer: seal_key.sealer(), seal_ttl: *seal_ttl };
        let mut writes = Vec::with_capacity(open.len());
        let mut impossible = Vec::new();
        for prepared in preparer.all(open).await {
            match prepared {
                Prepared::Write(write) => writes.push(write),
                Prepared::Impossible(item) => impossible.push(item),
                Prepared::Unsettled(item, reason) => verdicts.set(item, Verdict::Unsettled(reason)),
            }
        }
        let count = |outcome, items: usize| {
            metrics::get().worker.outcome(Stage::Reset, outcome, u64::try_from(items).unwrap_or_default());
        };
        count(Outcome::Failed, impossible.len());
        if !impossible.is_empty()
            && let Err(error) = self.parts.ledger.fail_items(&self.parts.writer, &impossible, Code::X03).await
        {
            verdicts.set_all(&impossible, &verdict_of(&error));
        }
        let mut notices = Vec::new();
        let mut held = Vec::new();
        let spans = traces.commits(&writes);
        let committed = commit(&self.parts.ledger, &self.parts.writer, writes).await;
        drop(spans);
        fault::point(Window::ResetCommitted).await;
        for (item, outcome) in committed {
            match outcome {
                Ok(ResetOutcome::Changed(messages)) => {
                    count(Outcome::Done, 1);
                    notices.extend(messages.into_iter().map(|message| (item, traces.continued(item, message))));
                }
                Ok(ResetOutcome::NotChanged(Decision::Hold)) => held.push(item),
                Ok(ResetOutcome::NotChanged(decision)) => {
                    let failed = matches!(decision, Decision::Fail(_));
                    count(if failed { Outcome::Failed } else { Outcome::Skipped }, 1);
                    debug!(%item, ?decision, "not changed");
                }
                Err(verdict) => verdicts.set(item, verdict),
            }
        }
        self.hold(&held, verdicts).await;
        self.publish(&notices, verdicts).await;
        fault::point(Window::ResetPublished).await;
    }

    /// Puts items of paused tasks back.
    async fn hold(&self, items: &[ItemId], verdicts: &mut Verdicts) {
        metrics::get().worker.outcome(Stage::Reset, Outcome::Deferred, u64::try_from(items.len()).unwrap_or_default());
        if !items.is_empty()
            && let Err(error) = self.parts.ledger.hold(items).await
        {
            verdicts.set_all(items, &verdict_of(&error));
        }
    }

    /// Publishes notifications; an item whose notification is neither on a queue nor given back to the scan comes again.
    async fn publish(&self, notices: &[(ItemId, Message)], verdicts: &mut Verdicts) {
        if let Some((items, error)) = publish(&self.parts.ledger, self.parts.queue.as_ref(), notices).await {
            // Whatever the error is, the reset itself is committed: the redelivered message publishes again.
            let verdict = Verdict::Unsettled(error.to_string());
            for item in items {
                verdicts.set(item, verdict.clone());
            }
        }
    }
}

/// The jobs that the messages may ask for. A message about an item that does not exist, or with a district or task that is
/// not the item's, is forged or older than a restored database: it does nothing.
fn known(batch: &[Message], mut jobs: Vec<ResetJob>, verdicts: &Verdicts) -> Vec<ResetJob> {
    let asked: HashSet<_> =
        batch.iter().filter_map(|message| Some((item_of(message)?, message.district, message.task))).collect();
    jobs.retain(|job| asked.contains(&(job.item, job.district, job.task)));
    let found: HashSet<_> = jobs.iter().map(|job| (job.item, job.district, job.task)).collect();
    for (item, district, task) in asked.difference(&found).filter(|(item, ..)| !verdicts.0.contains_key(item)) {
        warn!(%item, %district, %task, "a message about an item that this district and task do not have; dropped");
    }
    jobs
}

fn item_of(message: &Message) -> Option<ItemId> {
    match message.work {
        Work::Reset(item) => Some(item),
        Work::Email(_) | Work::Sms(_) => None,
    }
}

/// Verdicts by item; without a word an item is done.
#[derive(Default)]
struct Verdicts(HashMap<ItemId, Verdict>);

impl Verdicts {
    fn set(&mut self, item: ItemId, verdict: Verdict) {
        self.0.insert(item, verdict);
    }

    fn set_all(&mut self, items: &[ItemId], verdict: &Verdict) {
        self.0.extend(items.iter().map(|item| (*item, verdict.clone())));
    }

    fn of(&self, message: &Message) -> Verdict {
        match item_of(message) {
            Some(item) => self.0.get(&item).cloned().unwrap_or(Verdict::Done),
            None => Verdict::GiveUp("this is no work for the reset stage".to_owned()),
        }
    }

    fn first_unsettled(&self) -> Option<ItemId> {
        self.0.iter().find_map(|(item, verdict)| matches!(verdict, Verdict::Unsettled(_)).then_some(*item))
    }
}
