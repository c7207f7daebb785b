//! What the implementations of the ports count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor as _};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Buckets, Counters, Two, zeroes};
use crate::stage::Stage;

/// How a statement can fail.
const FAILURES: [&str; 3] = ["collision", "unavailable", "defect"];

/// What the implementations of the ports count.
#[derive(Debug)]
pub struct Backends {
    /// The time until a transaction has begun: the wait for a free connection, and one way to the database and back.
    pub begin_seconds: Histogram,
    published: Family<Two, Counter>,
    failures: Counters,
    /// Transactions that were run again after a deadlock or a serialisation failure.
    pub collisions: Counter,
}

impl Default for Backends {
    fn default() -> Self {
        Self {
            begin_seconds: Buckets::SHORT.new_metric(),
            published: Family::default(),
            failures: zeroes("kind", FAILURES),
            collisions: Counter::default(),
        }
    }
}

impl Backends {
    /// Notes messages that were offered to the queue of a stage, and how many it took.
    pub fn published(&self, stage: Stage, taken: u64, refused: u64) {
        for (result, count) in [("taken", taken), ("refused", refused)] {
            if count > 0 {
                self.published.get_or_create(&[("stage", stage.as_str()), ("result", result)]).inc_by(count);
            }
        }
    }

    /// Notes a statement that failed: `collision`, `unavailable` or `defect`.
    pub fn failed(&self, kind: &'static str) {
        self.failures.get_or_create(&[("kind", kind)]).inc();
    }

    /// Shows it.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "keybell_backends_transaction_begin_seconds",
            "Time until a transaction has begun: the wait for a free connection and one round trip",
            self.begin_seconds.clone(),
        );
        registry.register(
            "keybell_backends_messages_published",
            "Work messages offered to the queues, by what became of them",
            self.published.clone(),
        );
        registry.register("keybell_backends_ledger_failures", "Ledger calls that failed", self.failures.clone());
        registry.register(
            "keybell_backends_transaction_collisions",
            "Transactions that were run again after a collision",
            self.collisions.clone(),
        );
    }
}
