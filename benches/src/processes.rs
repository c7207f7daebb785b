//! What processes used: CPU by name, and the most memory of one. Read from `/proc`, so only on Linux.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Clock ticks of `/proc/<pid>/stat` in a second, on every Linux that there is.
const TICKS: f64 = 100.0;

/// CPU seconds since the processes started.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cpu {
    /// All processes of PostgreSQL, ended ones too.
    pub(crate) postgres: f64,
    /// RabbitMQ.
    pub(crate) rabbitmq: f64,
    /// Redis.
    pub(crate) redis: f64,
    /// Keybell's own processes.
    pub(crate) keybell: f64,
}

impl Cpu {
    /// Up to now; `own` are Keybell's processes.
    pub(crate) fn now(own: &[u32]) -> Result<Self> {
        let mut cpu = Self::default();
        for entry in fs::read_dir("/proc").context("/proc cannot be read; this measures on Linux only")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process may end while it is looked at.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let Some((name, seconds)) = used(&stat) else { continue };
            match name {
                _ if own.contains(&pid) => cpu.keybell += seconds,
                "postgres" => cpu.postgres += seconds,
                "beam.smp" => cpu.rabbitmq += seconds,
                "redis-server" => cpu.redis += seconds,
                _ => {}
            }
        }
        Ok(cpu)
    }

    /// What was used since `before`, in microseconds for each of `accounts`.
    pub(crate) fn since(self, before: Self, accounts: u32) -> Self {
        let each = |now: f64, then: f64| (now - then) * 1e6 / f64::from(accounts.max(1));
        Self {
            postgres: each(self.postgres, before.postgres),
            rabbitmq: each(self.rabbitmq, before.rabbitmq),
            redis: each(self.redis, before.redis),
            keybell: each(self.keybell, before.keybell),
        }
    }

    /// All of it.
    pub(crate) fn sum(self) -> f64 {
        self.postgres + self.rabbitmq + self.redis + self.keybell
    }
}

/// Name and CPU seconds, with those of its ended children, from a line of `/proc/<pid>/stat`.
fn used(stat: &str) -> Option<(&str, f64)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    // Fields 14 to 17 of the line; the tail begins with field 3.
    let ticks: u64 = tail.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((name, f64::from(u32::try_from(ticks).unwrap_or(u32::MAX)) / TICKS))
}

/// The most memory that a process had resident, in MiB.
pub(crate) fn peak_memory(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc")?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is no number")?;
    Ok(f64::from(kib) / 1024.0)
}

/// Lets the kernel forget the most memory that this process had resident, so that the next peak is one of what follows.
pub(crate) fn forget_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("/proc/self/clear_refs cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name_is() {
        let line = "12 (a) b) S 1 12 12 0 -1 4194560 1 2 3 4 100 50 20 30 20 0 1 0 5 6 7";
        let (name, seconds) = used(line).unwrap();
        assert_eq!(name, "a) b");
        assert!((seconds - 2.0).abs() < 1e-9);
    }
}
