//! The life of one consumer: from its first delivery to a stop, a loss, an unsettled batch or a breaker.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use keybell_shared::metrics::SourceMetrics;
use keybell_shared::ports::queue::{Consumer, Delivery};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::batch::{self, BatchEnd};
use super::outage::Outage;
use super::{BatchRule, Handler};

/// After this long without a loss, a consumer counts as living.
const LIVES: Duration = Duration::from_secs(1);
/// A stopped consumer that was quiet for this long has nothing more in hand.
const QUIET: Duration = Duration::from_millis(50);
/// The broker has this long to confirm that it stopped.
const STOP: Duration = Duration::from_secs(5);

/// Why a consumer ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As told: everything in hand is finished, or the time to do so is over.
    Stopped,
    /// The handler's breaker opened; everything prefetched was handed to it.
    NotReady,
    /// The connection was lost.
    Lost,
    /// Something could not be settled, for this reason.
    Unsettled(String),
}

/// One consumer and what is in hand of it. Dropping it drops everything at once.
pub(super) struct Pump<'a> {
    consumer: Consumer,
    handler: Arc<dyn Handler>,
    outage: &'a mut Outage,
    metrics: SourceMetrics,
    rule: BatchRule,
    slots: usize,
    gathered: Vec<Delivery>,
    /// When the gathered ones are handed over even if there is room for more.
    due: Option<Instant>,
    running: JoinSet<BatchEnd>,
    /// Whether deliveries are still taken.
    taking: bool,
    /// Set as soon as the end is decided; what is in hand is finished first.
    end: Option<End>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        consumer: Consumer,
        handler: Arc<dyn Handler>,
        outage: &'a mut Outage,
        metrics: SourceMetrics,
    ) -> Self {
        let prefetch = usize::from(handler.prefetch()).max(1);
        let rule = handler.batch();
        let rule = BatchRule { max: rule.max.clamp(1, prefetch), ..rule };
        Self {
            consumer,
            handler,
            outage,
            metrics,
            rule,
            slots: (prefetch / rule.max).max(1),
            gathered: Vec::with_capacity(rule.max),
            due: None,
            running: JoinSet::new(),
            taking: true,
            end: None,
        }
    }

    /// Runs until the end; after the soft stop for at most `drain`.
    pub(super) async fn run(mut self, soft: &CancellationToken, drain: Duration) -> End {
        let born = Instant::now();
        let mut lived = false;
        let mut deadline: Option<Instant> = None;
        let mut quiet: Option<Instant> = None;
        loop {
            self.launch();
            let idle = self.running.is_empty() && self.gathered.is_empty() && !self.taking;
            if idle && let Some(end) = self.end.take() {
                return end;
            }
            let open = self.end.is_none();
            let room = self.gathered.len() < self.rule.max;
            let free = self.running.len() < self.slots;
            tokio::select! {
                biased;
                () = soft.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + drain);
                    self.finish(End::Stopped).await;
                }
                () = at(deadline), if deadline.is_some() => {
                    warn!(source = ?self.handler.source(), batches = self.running.len(),
                        "not finished in time; what is in hand will be delivered again");
                    return End::Stopped;
                }
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    if self.ended(ended, &mut quiet) {
                        self.stop().await;
                    }
                }
                delivery = self.consumer.deliveries.recv(), if self.taking && room => {
                    quiet = quiet.map(|_| Instant::now() + QUIET);
                    self.take(delivery);
                }
                () = at(quiet), if self.taking && room && quiet.is_some() => self.taking = false,
                () = at(self.due), if free && self.due.is_some() => {}
                () = sleep_until(born + LIVES), if open && !lived => {
                    lived = true;
                    self.outage.consumer_lives();
                }
            }
        }
    }

    /// Starts a batch when a slot is free and the batch is full, old enough, or the last one.
    fn launch(&mut self) {
        while !self.gathered.is_empty() && self.running.len() < self.slots {
            let full = self.gathered.len() >= self.rule.max;
            let old = self.due.is_some_and(|due| due <= Instant::now());
            if !(full || old || !self.taking) {
                return;
            }
            self.due = None;
            let deliveries = std::mem::replace(&mut self.gathered, Vec::with_capacity(self.rule.max));
            let acks = Arc::clone(&self.consumer.acks);
            self.running.spawn(batch::work(Arc::clone(&self.handler), acks, deliveries, self.metrics.clone()));
        }
    }

    fn take(&mut self, delivery: Option<Delivery>) {
        match delivery {
            Some(delivery) => {
                self.metrics.received.inc();
                self.due = self.due.or_else(|| Some(Instant::now() + self.rule.wait));
                self.gathered.push(delivery);
            }
            // After a stop this is the expected last word.
            None if self.end.is_some() => self.taking = false,
            None => self.abandon(End::Lost),
        }
    }

    /// Notes how a batch ended. Answers whether the handler's breaker has just opened.
    fn ended(&mut self, ended: Result<BatchEnd, JoinError>, quiet: &mut Option<Instant>) -> bool {
        match ended {
            Ok(BatchEnd::Settled) => {
                self.outage.settled();
                if self.end.is_none() && !is_ready(self.handler.as_ref()) {
                    self.end = Some(End::NotReady);
                    *quiet = Some(Instant::now() + QUIET);
                    return true;
                }
            }
            Ok(BatchEnd::Unsettled(reason)) => self.abandon(End::Unsettled(reason)),
            Err(error) => {
                error!(source = ?self.handler.source(), %error, "a handler panicked; its batch comes again");
                self.abandon(End::Unsettled("a handler panicked".to_owned()));
            }
        }
        false
    }

    /// Takes nothing more and forgets what no handler has seen: the broker brings it again.
    fn abandon(&mut self, end: End) {
        self.taking = false;
        self.gathered.clear();
        self.due = None;
        if self.end != Some(End::Stopped) {
            self.end = Some(end);
        }
    }

    /// Takes nothing more but hands over what was gathered.
    async fn finish(&mut self, end: End) {
        self.taking = false;
        self.end = Some(end);
        self.stop().await;
    }

    /// Asks the broker for no more deliveries.
    async fn stop(&self) {
        match timeout(STOP, self.consumer.acks.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(source = ?self.handler.source(), %error, "the consumer was not stopped"),
            Err(_) => debug!(source = ?self.handler.source(), "the broker did not confirm the stop in time"),
        }
    }
}

/// Polls the handler's breaker once. Without the runtime's budget, so that pending means the breaker and nothing else.
fn is_ready(handler: &dyn Handler) -> bool {
    tokio::task::unconstrained(handler.ready()).now_or_never().is_some()
}

/// Sleeps until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
