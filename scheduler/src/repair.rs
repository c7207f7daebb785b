//! Bringing back what a crash left behind, and what has become due: retries are sent because this scan finds them.
//!
//! Events wake, scans repair: normally everything is published by whoever caused it, and a round finds only what is
//! due by its time. What the queue does not confirm is noted as not published, so that the next round finds it again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::{self, Mechanism, Window};
use keybell_shared::ids::NotificationId;
use keybell_shared::message::{Message, Work};
use keybell_shared::metrics;
use keybell_shared::ports::ledger::{DispatchLedger, RepairLedger, ResetLedger};
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::retry::{RetryPolicy, delay_after};
use keybell_shared::stage::Stage;
use keybell_shared::trace::TARGET;
use tracing::Span;
use tracing::field::Empty;

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::traces;

/// Rows that one call looks at.
const LIMIT: u32 = 1_000;

/// How much earlier than this process something must have been noted to have been lost with the last one: the questions
/// to the ledger take a moment, and what is dispatched meanwhile is in a worker's hands and not lost.
const BEFORE: Duration = Duration::from_millis(250);

/// How often expired sealed passwords are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// The repair scan.
pub(crate) struct Repair<L: ?Sized> {
    ledger: Arc<L>,
    queue: Arc<dyn WorkQueue>,
    writer: String,
    grace: Duration,
    retry: RetryPolicy,
    /// Whether the first round is still to come and the queue began empty with this process: then everything that was
    /// noted as queued before is lost, and there is nothing to be patient about.
    queue_is_new: bool,
    /// Runs since this process began to dispatch.
    began: Stopwatch,
    swept: Option<Stopwatch>,
}

impl<L: RepairLedger + ResetLedger + DispatchLedger + ?Sized> Repair<L> {
    /// Counts as `writer`; an attempt whose worker vanished is repeated as `retry` says.
    pub(crate) fn new(
        ledger: Arc<L>,
        queue: Arc<dyn WorkQueue>,
        writer: String,
        grace: Duration,
        retry: RetryPolicy,
        queue_is_new: bool,
    ) -> Self {
        Self { ledger, queue, writer, grace, retry, queue_is_new, began: Stopwatch::start(), swept: None }
    }

    /// Leases whose worker vanished.
    async fn leases(&self) -> Result<Pace, Failure> {
        if fault::off(Mechanism::LeaseExpiry) {
            return Ok(Pace::Rest);
        }
        let retry_in = delay_after(1, &self.retry);
        let expired = self.ledger.expire_leases(&self.writer, retry_in, LIMIT).await?;
        if expired > 0 {
            metrics::get().scheduler.repaired("leases", expired);
            tracing::warn!(expired, "notifications whose worker did not report in time; they are tried again");
        }
        Ok(more_if(expired >= u64::from(LIMIT)))
    }

    /// Waiting notifications that are due.
    async fn notifications(&self, stage: Stage, grace: Duration) -> Result<Pace, Failure> {
        let queue_empty = self.queue.depth(stage).await? == 0 && !fault::off(Mechanism::LostWork);
        let mut due = self.ledger.due_notifications(&self.writer, stage, queue_empty, grace, LIMIT).await?;
        if due.is_empty() {
            return Ok(Pace::Rest);
        }
        metrics::get().scheduler.repaired(stage.as_str(), due.len() as u64);
        let _spans = self.continue_traces(&mut due).await?;
        tracing::debug!(%stage, due = due.len(), "notifications are due");
        fault::point(Window::RepairNoted).await;
        let confirmed = match self.queue.publish(&due).await {
            Ok(confirmed) => confirmed,
            Err(error) => {
                // Some may be on the queue after all; a second message finds them sent and does nothing.
                self.unpublish(due.iter()).await?;
                return Err(error.into());
            }
        };
        let refused = due.iter().zip(confirmed).filter_map(|(one, safe)| (!safe).then_some(one));
        let any_refused = self.unpublish(refused).await?;
        // A full queue says itself when it has room; to ask at once would be to spin.
        Ok(more_if(!any_refused))
    }

    /// Takes back the note that these were published. Answers whether there were any.
    async fn unpublish(&self, messages: impl Iterator<Item = &Message> + Send) -> Result<bool, Failure> {
        let ids: Vec<NotificationId> = messages.filter_map(notification_of).collect();
        if ids.is_empty() {
            return Ok(false);
        }
        self.ledger.unpublish(&ids).await?;
        Ok(true)
    }

    /// Puts the messages into the traces of their tasks' requests, below a span of each task.
    async fn continue_traces(&self, messages: &mut [Message]) -> Result<Vec<Span>, Failure> {
        let span = |task, messages| tracing::info_span!(target: TARGET, "repair", %task, messages, trace_id = Empty);
        Ok(traces::continued(self.ledger.as_ref(), messages, span).await?)
    }

    /// Items that are noted as queued while the queue is empty.
    async fn items(&self, grace: Duration) -> Result<Pace, Failure> {
        if self.queue.depth(Stage::Reset).await? > 0 || fault::off(Mechanism::LostWork) {
            return Ok(Pace::Rest);
        }
        let mut lost = self.ledger.lost_items(&self.writer, grace, LIMIT).await?;
        if lost.is_empty() {
            return Ok(Pace::Rest);
        }
        metrics::get().scheduler.repaired("items", lost.len() as u64);
        let _spans = self.continue_traces(&mut lost).await?;
        let confirmed = self.queue.publish(&lost).await?;
        let again = confirmed.iter().filter(|safe| **safe).count();
        tracing::warn!(lost = lost.len(), again, "items were lost on the way to a worker and are brought again");
        // What was refused stays noted as queued and is found again after the grace.
        Ok(more_if(again == lost.len()))
    }

    /// Sealed passwords past their own expiry.
    async fn seals(&mut self) -> Result<Pace, Failure> {
        if self.swept.is_some_and(|since| since.elapsed() < SWEEP_EVERY) {
            return Ok(Pace::Rest);
        }
        let swept = self.ledger.sweep_seals(&self.writer, LIMIT).await?;
        if swept > 0 {
            tracing::info!(swept, "sealed passwords past their expiry were deleted");
        }
        if swept >= u64::from(LIMIT) {
            return Ok(Pace::Again);
        }
        self.swept = Some(Stopwatch::start());
        Ok(Pace::Rest)
    }
}

#[async_trait]
impl<L: RepairLedger + ResetLedger + DispatchLedger + ?Sized> Round for Repair<L> {
    fn name(&self) -> &'static str {
        "repair"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let new = self.grace.min(self.began.elapsed() + BEFORE);
        let grace = if self.queue_is_new { new } else { self.grace };
        // What needs no queue comes first, so that it is done while the broker is away.
        let done = [
            self.leases().await?,
            self.seals().await?,
            self.notifications(Stage::Email, grace).await?,
            self.notifications(Stage::Sms, grace).await?,
            self.items(grace).await?,
        ];
        self.queue_is_new = false;
        Ok(more_if(done.contains(&Pace::Again)))
    }

    async fn woken(&self) {
        self.queue.room().await;
    }
}

const fn more_if(more: bool) -> Pace {
    if more { Pace::Again } else { Pace::Rest }
}

const fn notification_of(message: &Message) -> Option<NotificationId> {
    match message.work {
        Work::Email(id) | Work::Sms(id) => Some(id),
        Work::Reset(_) => None,
    }
}

#[cfg(test)]
mod tests;
