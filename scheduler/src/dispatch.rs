//! Keeping a bounded window of items on the reset queue, shared out over districts and tasks.
//!
//! Publish, await the confirms, then note the confirmed ones as `queued`: a crash between the two only repeats
//! messages, and a worker that is faster than the note finds `pending → reset` allowed. The broker and the ledger work at
//! the same time, each on batches of its own.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use keybell_shared::clock::Stopwatch;
use keybell_shared::config::Window;
use keybell_shared::error::QueueError;
use keybell_shared::fault::{self, Window as CrashWindow};
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::metrics;
use keybell_shared::ports::ledger::{DispatchLedger, Runnable};
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::trace::TARGET;
use tracing::Span;
use tracing::field::Empty;

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::traces;
use crate::wake::Wake;
use crate::window::{Throughput, share_out};

/// The most tasks that share a window.
const TASKS: u32 = 1_000;

/// The most items that are in memory at a time, however large the window is.
const SLICE: u32 = 8_192;

/// Messages between two notes in the ledger.
const BATCH: usize = 1_000;

/// Batches that are with the queue at a time, while the one before them is noted. What a crash repeats at most are these
/// and the one that is being noted.
const AHEAD: usize = 2;

/// The window is filled again when this part of it is free (a quarter, half a second of work): a hundred items cost the ledger
/// and the queue little more than ten.
const WORTHWHILE: u32 = 4;

/// The dispatcher.
pub(crate) struct Dispatch<L: ?Sized> {
    ledger: Arc<L>,
    queue: Arc<dyn WorkQueue>,
    window_min: u32,
    window_max: u32,
    blackout: Vec<Window>,
    ready: Wake,
    throughput: Throughput,
    /// How many were queued when the last round ended, and when that was.
    left: Option<(u32, Stopwatch)>,
    /// The tasks that had something to dispatch in the last round.
    known: Vec<TaskId>,
    turn: usize,
}

impl<L: DispatchLedger + ?Sized> Dispatch<L> {
    /// Keeps `window_min` to `window_max` items queued; `ready` nudges it when a task has become ready.
    pub(crate) fn new(
        ledger: Arc<L>,
        queue: Arc<dyn WorkQueue>,
        window_min: u32,
        window_max: u32,
        ready: Wake,
    ) -> Self {
        let (blackout, throughput) = (Vec::new(), Throughput::default());
        Self {
            ledger,
            queue,
            window_min,
            window_max,
            blackout,
            ready,
            throughput,
            left: None,
            known: Vec::new(),
            turn: 0,
        }
    }

    /// Hands nothing out while one of these windows is open.
    pub(crate) fn outside(self, blackout: Vec<Window>) -> Self {
        Self { blackout, ..self }
    }

    /// How many items are queued and how many may be, from what left the queue since the last round. Items that a pause or a cancel took off it count too; that only widens the window for a few seconds.
    async fn room(&mut self) -> Result<(u32, u32), Failure> {
        let queued = self.ledger.queued(self.window_max).await?;
        if let Some((before, since)) = self.left
            && before > 0
        {
            self.throughput = self.throughput.observe(before.saturating_sub(queued), since.elapsed());
        }
        let window = self.throughput.window(self.window_min, self.window_max);
        metrics::get().scheduler.window(window, queued);
        Ok((queued, window))
    }

    /// Whether these tasks must wait until more of the window is free. A task that has just become ready need not.
    fn waits_for_room(&mut self, runnable: &[Runnable], queued: u32, room: u32, window: u32) -> bool {
        let all_known = runnable.iter().all(|one| self.known.contains(&one.task));
        self.known.clear();
        self.known.extend(runnable.iter().map(|one| one.task));
        all_known && queued > 0 && room < window / WORTHWHILE
    }

    /// Fills the room, pass by pass: what a task with few items left does not use goes to the others. Answers how many
    /// messages are on the queue, and whether the queue took all of them.
    async fn fill(&mut self, mut runnable: Vec<Runnable>, room: u32) -> Result<(u32, bool), Failure> {
        let mut left = room;
        while left > 0 && !runnable.is_empty() {
            let shares = share_out(&runnable, left.min(SLICE), self.turn);
            self.turn = self.turn.wrapping_add(1);
            let mut messages = Vec::new();
            let mut has_more = Vec::new();
            for (task, share) in shares {
                let Some(&one) = runnable.iter().find(|one| one.task == task) else { continue };
                let items = self.ledger.pending(task, one.wave, share).await?;
                if items.len() >= share as usize {
                    has_more.push(one);
                }
                messages.extend(items.into_iter().map(|(item, dispatch)| message(one, item, dispatch)));
            }
            let spans = self.continue_traces(&mut messages).await?;
            let on_queue = self.publish(&messages).await?;
            drop(spans);
            left = left.saturating_sub(on_queue);
            if (on_queue as usize) < messages.len() {
                return Ok((room - left, false));
            }
            runnable = has_more;
        }
        Ok((room - left, true))
    }

    /// Puts the messages into the traces of their tasks' requests, below a span of each task. The spans end when they
    /// are dropped.
    async fn continue_traces(&self, messages: &mut [Message]) -> Result<Vec<Span>, Failure> {
        let span = |task, items| tracing::info_span!(target: TARGET, "dispatch", %task, items, trace_id = Empty);
        Ok(traces::continued(self.ledger.as_ref(), messages, span).await?)
    }

    /// Publishes batch by batch, until the queue refuses or fails, and notes what is confirmed while the next ones are on
    /// their way. Answers how many are on the queue.
    async fn publish(&self, messages: &[Message]) -> Result<u32, Failure> {
        let mut batches = messages.chunks(BATCH);
        let mut under_way = FuturesOrdered::new();
        let mut on_queue = 0_u32;
        let mut refused = false;
        let mut failure = None;
        let mut confirmed: Vec<ItemId> = Vec::new();
        loop {
            while !refused && failure.is_none() && under_way.len() < AHEAD {
                let Some(batch) = batches.next() else { break };
                under_way.push_back(self.offer(batch));
            }
            // What is under way is always waited for: its confirms say what is to be noted.
            let (offered, noted) = tokio::join!(under_way.next(), self.note(&confirmed));
            match noted {
                Ok(()) => on_queue = on_queue.saturating_add(u32::try_from(confirmed.len()).unwrap_or(u32::MAX)),
                Err(error) => failure = failure.or(Some(error)),
            }
            confirmed.clear();
            match offered {
                None => break,
                Some((batch, Ok(safe))) => {
                    let taken = batch.iter().zip(safe).filter(|(_, safe)| *safe);
                    confirmed.extend(taken.filter_map(|(one, _)| item_of(one)));
                    refused |= confirmed.len() < batch.len();
                }
                Some((_, Err(error))) => failure = failure.or(Some(error.into())),
            }
        }
        failure.map_or(Ok(on_queue), Err)
    }

    /// Puts a batch on the queue; answers it with what the queue said.
    async fn offer<'a>(&self, batch: &'a [Message]) -> (&'a [Message], Result<Vec<bool>, QueueError>) {
        (batch, self.queue.publish(batch).await)
    }

    /// Notes what the queue has confirmed.
    async fn note(&self, items: &[ItemId]) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }
        fault::point(CrashWindow::DispatchPublished).await;
        self.ledger.mark_queued(items).await?;
        metrics::get().scheduler.dispatched.inc_by(items.len() as u64);
        Ok(())
    }
}

#[async_trait]
impl<L: DispatchLedger + ?Sized> Round for Dispatch<L> {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let runnable = self.ledger.runnable(TASKS, &self.blackout).await?;
        if runnable.is_empty() {
            // What leaves the queue now says nothing about what the fleet could do.
            metrics::get().scheduler.window(self.throughput.window(self.window_min, self.window_max), 0);
            self.left = None;
            self.known.clear();
            return Ok(Pace::Rest);
        }
        let (queued, window) = self.room().await?;
        let measured = Stopwatch::start();
        let room = window.saturating_sub(queued);
        if self.waits_for_room(&runnable, queued, room, window) {
            self.left = Some((queued, measured));
            return Ok(Pace::Rest);
        }
        // Whatever fails below, the next round must not take the unknown for throughput.
        self.left = None;
        let (added, all) = self.fill(runnable, room).await?;
        if added > 0 {
            tracing::debug!(added, queued, room, "items put on the queue");
        }
        if !all {
            tracing::debug!(added, room, "the reset queue takes no more for now");
        }
        self.left = Some((queued.saturating_add(added), measured));
        Ok(Pace::Rest)
    }

    async fn woken(&self) {
        self.ready.woken().await;
    }
}

const fn message(of: Runnable, item: ItemId, dispatch: u32) -> Message {
    Message { district: of.district, task: of.task, work: Work::Reset(item), dispatch, trace: None }
}

const fn item_of(message: &Message) -> Option<ItemId> {
    match message.work {
        Work::Reset(item) => Some(item),
        Work::Email(_) | Work::Sms(_) => None,
    }
}

#[cfg(test)]
mod tests;
