//! What the workers count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor as _};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Buckets, Counters, Gauges, Histograms, Two};
use crate::ports::queue::Source;
use crate::stage::Stage;

/// What became of one item or notification that a message was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The password was changed; the message was accepted.
    Done,
    /// Not yet: it will be tried again later.
    Retried,
    /// It ended without success.
    Failed,
    /// It was not to be done: skipped, superseded, held, ended before.
    Skipped,
    /// The channel is down: it comes again, and no attempt was used.
    Deferred,
}

impl Outcome {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Deferred => "deferred",
        }
    }
}

/// The state of a channel's breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Everything goes.
    Closed = 0,
    /// One message tries the channel.
    HalfOpen = 1,
    /// Nothing goes.
    Open = 2,
}

/// What the workers count.
#[derive(Debug)]
pub struct Worker {
    received: Counters,
    handled: Family<Two, Counter>,
    outcomes: Family<Two, Counter>,
    in_flight: Gauges,
    consuming: Gauges,
    handling: Histograms,
    told: Histograms,
    breaker: Gauges,
    /// The time that one hash takes on its thread.
    pub hash_seconds: Histogram,
    /// Hashing threads.
    pub hash_threads: Gauge,
    /// Hashing threads that hash now.
    pub hash_busy: Gauge,
    /// Passwords that wait for a hashing thread.
    pub hash_waiting: Gauge,
    /// Whether the fast engine lost its trust.
    pub hash_distrusted: Gauge,
    /// The time of one group's transaction.
    pub commit_seconds: Histogram,
    /// Resets in one transaction.
    pub commit_resets: Histogram,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            received: Family::default(),
            handled: Family::default(),
            outcomes: Family::default(),
            in_flight: Family::default(),
            consuming: Family::default(),
            handling: Family::new_with_constructor(Buckets::SHORT),
            told: Family::new_with_constructor(Buckets::LONG),
            breaker: Family::default(),
            hash_seconds: Buckets::SHORT.new_metric(),
            hash_threads: Gauge::default(),
            hash_busy: Gauge::default(),
            hash_waiting: Gauge::default(),
            hash_distrusted: Gauge::default(),
            commit_seconds: Buckets::SHORT.new_metric(),
            commit_resets: Buckets::SIZE.new_metric(),
        }
    }
}

/// The numbers of one source of messages, with their labels ready made.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    /// Deliveries taken.
    pub received: Counter,
    /// Acknowledged.
    pub done: Counter,
    /// Handed to the dead letters.
    pub given_up: Counter,
    /// Left to be delivered again.
    pub unsettled: Counter,
    /// No messages at all; handed to the dead letters.
    pub unreadable: Counter,
    /// Messages in the hands of a handler.
    pub in_flight: Gauge,
    /// Whether deliveries are taken now.
    pub consuming: Gauge,
    /// From the hand-over of a message to its verdict.
    pub handling_seconds: Histogram,
}

impl Worker {
    /// The numbers of a source.
    #[must_use]
    pub fn source(&self, source: Source) -> SourceMetrics {
        let stage = match source {
            Source::Stage(stage) => stage.as_str(),
            Source::Dead => "dead",
        };
        let of_stage = [("stage", stage)];
        let handled = |verdict| self.handled.get_or_create_owned(&[("stage", stage), ("verdict", verdict)]);
        SourceMetrics {
            received: self.received.get_or_create_owned(&of_stage),
            done: handled("done"),
            given_up: handled("given_up"),
            unsettled: handled("unsettled"),
            unreadable: handled("unreadable"),
            in_flight: self.in_flight.get_or_create_owned(&of_stage),
            consuming: self.consuming.get_or_create_owned(&of_stage),
            handling_seconds: self.handling.get_or_create_owned(&of_stage),
        }
    }

    /// Notes what became of items or notifications.
    pub fn outcome(&self, stage: Stage, outcome: Outcome, count: u64) {
        if count > 0 {
            self.outcomes.get_or_create(&[("stage", stage.as_str()), ("outcome", outcome.as_str())]).inc_by(count);
        }
    }

    /// Notes that a person was told, this long after the password was changed.
    pub fn told(&self, stage: Stage, seconds: f64) {
        self.told.get_or_create(&[("stage", stage.as_str())]).observe(seconds);
    }

    /// Notes the state of a channel's breaker.
    pub fn breaker(&self, channel: &'static str, state: Breaker) {
        self.breaker.get_or_create(&[("stage", channel)]).set(state as i64);
    }

    /// Whether deliveries of a stage are taken now.
    #[must_use]
    pub fn consumes(&self, stage: Stage) -> bool {
        self.consuming.get_or_create(&[("stage", stage.as_str())]).get() > 0
    }

    /// Shows it.
    pub fn register(&self, registry: &mut Registry, stages: &[Stage]) {
        registry.register("keybell_worker_messages_received", "Deliveries taken from the queue", self.received.clone());
        registry.register(
            "keybell_worker_messages_handled",
            "Deliveries answered: done, given_up (to the dead letters), unsettled (comes again), unreadable",
            self.handled.clone(),
        );
        registry.register(
            "keybell_worker_outcomes",
            "What became of items (reset) and attempts to send (email, sms): done, retried, failed, skipped, deferred",
            self.outcomes.clone(),
        );
        registry.register(
            "keybell_worker_messages_in_flight",
            "Messages in the hands of a handler",
            self.in_flight.clone(),
        );
        registry.register(
            "keybell_worker_consuming",
            "Whether deliveries of the stage are taken now",
            self.consuming.clone(),
        );
        registry.register(
            "keybell_worker_handling_seconds",
            "Time from the hand-over of a message to its verdict",
            self.handling.clone(),
        );
        if stages.contains(&Stage::Reset) {
            self.register_reset(registry);
        }
        if stages.iter().any(|stage| *stage != Stage::Reset) {
            registry.register(
                "keybell_worker_told_delay_seconds",
                "Time from the change of a password until the message about it was accepted",
                self.told.clone(),
            );
            registry.register(
                "keybell_worker_breaker_state",
                "Breaker of the channel: 0 closed, 1 tries one message, 2 open",
                self.breaker.clone(),
            );
        }
    }

    fn register_reset(&self, registry: &mut Registry) {
        registry.register("keybell_worker_hash_seconds", "Time of one hash on its thread", self.hash_seconds.clone());
        registry.register("keybell_worker_hash_threads", "Hashing threads", self.hash_threads.clone());
        registry.register("keybell_worker_hash_threads_busy", "Hashing threads that hash now", self.hash_busy.clone());
        registry.register(
            "keybell_worker_hash_waiting",
            "Passwords that wait for a hashing thread",
            self.hash_waiting.clone(),
        );
        registry.register(
            "keybell_worker_hash_engine_distrusted",
            "1 after the fast hashing engine disagreed with the reference",
            self.hash_distrusted.clone(),
        );
        registry.register(
            "keybell_worker_commit_seconds",
            "Time of one group's transaction",
            self.commit_seconds.clone(),
        );
        registry.register("keybell_worker_commit_resets", "Resets in one transaction", self.commit_resets.clone());
    }
}
