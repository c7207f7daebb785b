//! Stores results as they come, and publishes what becomes due because of them.

use std::collections::HashMap;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::error::LedgerError;
use keybell_shared::fault::{self, Window};
use keybell_shared::ids::{NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::SendReport;
use keybell_shared::trace::TraceParent;
use keybell_shared::verdict::Verdict;
use tokio::sync::SemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::Parts;
use super::sending::Sending;

/// How long the first result waits for more, as long as something is being sent.
const GATHER: Duration = Duration::from_millis(25);
/// The most results of one transaction.
const GROUP: usize = 64;
/// The wait before a result that could not be stored is stored again.
const AGAIN: Duration = Duration::from_millis(500);

/// What is answered for each notification of a batch.
pub(super) type Fates = HashMap<NotificationId, Verdict>;

/// The tasks and traces that the notifications of a batch belong to; those without a trace are left out.
pub(super) type Traces = HashMap<NotificationId, (TaskId, TraceParent)>;

/// What an error of the ledger means for a message.
pub(super) fn verdict_of(error: &LedgerError) -> Verdict {
    if error.is_passing() { Verdict::Unsettled(error.to_string()) } else { Verdict::GiveUp(error.to_string()) }
}

/// A result, and the slot that it was sent in. The slot is free again when the result is stored, so that a crash repeats
/// at most as many messages as there are slots.
pub(super) struct Finished<'a> {
    pub(super) report: SendReport,
    pub(super) slot: Option<SemaphorePermit<'a>>,
}

/// Stores the results of one claim.
pub(super) struct Recorder<'a> {
    pub(super) parts: &'a Parts,
    /// What this process is sending, over all batches.
    pub(super) sending: &'a Sending,
    pub(super) lease: Stopwatch,
    pub(super) traces: &'a Traces,
}

impl Recorder<'_> {
    /// Stores results until there are no more.
    pub(super) async fn run(&self, finished: &mut UnboundedReceiver<Finished<'_>>, fates: &mut Fates) {
        // Where slots are short, one half of them is used while the other half is stored. Two groups of resets that come together
        // are no shortage: stored whole, they cost the ledger half as much.
        let most = self.parts.slots.clamp(1, GROUP);
        let half = (self.parts.slots / 2).clamp(1, GROUP);
        let short = || self.sending.claimed() > 2 * self.parts.slots;
        let enough = |results: usize| results >= most || (results >= half && short());
        while let Some(first) = finished.recv().await {
            let mut reports = vec![first.report];
            let mut slots = vec![first.slot];
            let due = Instant::now() + GATHER;
            while !enough(reports.len()) {
                let next = tokio::select! {
                    biased;
                    next = finished.recv() => next,
                    () = self.sending.nothing() => None,
                    () = sleep_until(due) => None,
                };
                let Some(next) = next else { break };
                reports.push(next.report);
                slots.push(next.slot);
            }
            self.store(&reports, fates).await;
            drop(slots);
        }
    }

    /// Stores results together; if the ledger refuses them, one by one.
    async fn store(&self, reports: &[SendReport], fates: &mut Fates) {
        let verdict = match self.try_store(reports).await {
            Ok(()) => Verdict::Done,
            Err(LedgerError::Defect(_)) if reports.len() > 1 => {
                for report in reports {
                    let alone = self.try_store(std::slice::from_ref(report)).await;
                    fates
                        .insert(report.notification, alone.map_or_else(|error| verdict_of(&error), |()| Verdict::Done));
                }
                return;
            }
            Err(error) => verdict_of(&error),
        };
        fates.extend(reports.iter().map(|report| (report.notification, verdict.clone())));
    }

    /// Tries until the lease is over: a result that is not stored means a message that is sent twice.
    async fn try_store(&self, reports: &[SendReport]) -> Result<(), LedgerError> {
        loop {
            match self.parts.notices.record(&self.parts.writer, reports).await {
                Ok(mut due) => {
                    fault::point(Window::NoticeRecorded).await;
                    self.continue_traces(reports, &mut due);
                    self.publish(&due).await;
                    return Ok(());
                }
                Err(error) if error.is_passing() && self.lease.elapsed() + AGAIN < self.parts.timing.lease => {
                    warn!(%error, results = reports.len(), "results not stored yet; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The next step of a cascade belongs to the trace of its task.
    fn continue_traces(&self, reports: &[SendReport], due: &mut [Message]) {
        for message in due.iter_mut().filter(|message| message.trace.is_none()) {
            let mut places = reports.iter().filter_map(|report| self.traces.get(&report.notification));
            message.trace = places.find(|(task, _)| *task == message.task).map(|(_, place)| *place);
        }
    }

    /// Publishes what is due now; what is not surely on a queue is left to the repair scan.
    async fn publish(&self, due: &[Message]) {
        if due.is_empty() {
            return;
        }
        let confirmed = match self.parts.queue.publish(due).await {
            Ok(confirmed) => confirmed,
            Err(error) => {
                warn!(%error, messages = due.len(), "due notifications not published; the repair scan will");
                Vec::new()
            }
        };
        let confirmed = confirmed.into_iter().chain(std::iter::repeat(false));
        let missing: Vec<NotificationId> = due
            .iter()
            .zip(confirmed)
            .filter_map(|(message, confirmed)| match message.work {
                Work::Email(id) | Work::Sms(id) if !confirmed => Some(id),
                Work::Email(_) | Work::Sms(_) | Work::Reset(_) => None,
            })
            .collect();
        if !missing.is_empty()
            && let Err(error) = self.parts.resets.unpublish(&missing).await
        {
            warn!(%error, messages = missing.len(), "not noted that notifications are unpublished; repaired after the \
                grace time");
        }
    }
}
