//! What this process counts, for Prometheus.
//!
//! This room only counts: a few atomic numbers. Reading them, their text and the listener are the command line's work;
//! which rooms are shown is decided there too, by what the process runs ([`Worker::register`] and its siblings).
//!
//! The numbers are one process-wide value, [`get`], and no parameter of every constructor: they are write-only for all
//! rooms, they decide nothing, and a process has one set of them by definition (docs/adr/0011-metrics-and-traces.md).
//!
//! Labels are fixed words: a stage, an outcome, a route's pattern. Never an account, school, district, user, task or
//! URL: they would make the numbers grow without bound, and would say who was reset when.

mod api;
mod backends;
mod scheduler;
mod worker;

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

pub use api::{Api, HttpLabels};
pub use backends::Backends;
pub use scheduler::Scheduler;
pub use worker::{Breaker, Outcome, SourceMetrics, Worker};

/// One fixed label.
pub type One = [(&'static str, &'static str); 1];
/// Two fixed labels.
pub type Two = [(&'static str, &'static str); 2];
/// Counters by one label.
pub type Counters = Family<One, Counter>;
/// Gauges by one label.
pub type Gauges = Family<One, Gauge>;
/// Gauges with fractions, by one label.
pub type Seconds = Family<One, Gauge<f64, std::sync::atomic::AtomicU64>>;
/// Histograms by one label.
pub type Histograms = Family<One, Histogram, Buckets>;

/// The bounds of a histogram's buckets.
#[derive(Clone, Copy, Debug)]
pub struct Buckets(&'static [f64]);

impl Buckets {
    /// From half a millisecond to half a minute.
    const SHORT: Self =
        Self(&[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
    /// From a tenth of a second to an hour.
    const LONG: Self = Self(&[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0]);
    /// Sizes of groups.
    const SIZE: Self = Self(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Everything that this process counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// The API.
    pub api: Api,
    /// What stands behind the ports.
    pub backends: Backends,
    /// The scheduler.
    pub scheduler: Scheduler,
    /// The workers.
    pub worker: Worker,
}

/// The numbers of this process.
#[must_use]
pub fn get() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::default);
    &METRICS
}

/// Counters that are shown from the start, at 0: a rate over a series that appears with its first event misses it, and a
/// rule that asks for one that is not there cannot be told from one with a mistake in the name.
fn zeroes(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Counters {
    let counters = Counters::default();
    for value in values {
        // Making it is what shows it.
        let _at_zero = counters.get_or_create(&[(label, value)]);
    }
    counters
}

/// A count as gauges hold it.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
