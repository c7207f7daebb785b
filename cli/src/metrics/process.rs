//! The process itself: build, start, memory, open files. Under the names that every Prometheus client library uses.

use std::fmt;

use keybell_shared::clock::wall;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The commit that this was built from, if whoever built it said so.
const COMMIT: Option<&str> = option_env!("KEYBELL_GIT_SHA");

/// Shows the build and the process.
pub(super) fn register(registry: &mut Registry) {
    let build = vec![("version", env!("CARGO_PKG_VERSION")), ("revision", COMMIT.unwrap_or("unknown"))];
    registry.register("keybell_build", "What this process was built from", Info::new(build));
    registry.register_collector(Box::new(Process { started: wall().0 }));
}

/// What the system says about this process; asked whenever the metrics are read.
#[derive(Debug)]
struct Process {
    /// Unix time in milliseconds.
    started: i64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let started = self.started / 1000;
        let mut gauge = |name, help, value: i64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge("process_start_time_seconds", "Start of the process, in Unix seconds.", started)?;
        if let Some(bytes) = resident() {
            gauge("process_resident_memory_bytes", "Resident memory.", bytes)?;
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            // The listing itself is one of them.
            gauge("process_open_fds", "Open file descriptors.", i64::try_from(files.count()).unwrap_or(i64::MAX) - 1)?;
        }
        Ok(())
    }
}

/// Resident memory in bytes, where the system tells it.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
