//! What processes use: time of the processor and memory, as the kernel counts them.

use std::collections::BTreeMap;
use std::path::Path;

use keybell_shared::clock::Stopwatch;

/// Ticks a second in `/proc` (`USER_HZ`): fixed by the kernel's interface on every Linux.
const TICKS: f64 = 100.0;

/// The hashing threads' names begin so (`hashing/src/pool`).
const HASHING: &str = "hash-";

/// What one process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Seconds of processor time, threads that have ended included.
    pub(super) cpu: f64,
    /// Of that, the hashing threads.
    pub(super) hashing: f64,
    /// The most memory that was resident at a time, in KiB.
    pub(super) peak_kib: u64,
}

impl Usage {
    /// Of a process by its number; nothing of one that is gone.
    pub(super) fn of(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let own = stat(format!("{folder}/stat")).map_or(0.0, |stat| stat.own);
        let mut hashing = 0.0;
        for entry in std::fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten() {
            let thread = stat(entry.path().join("stat"));
            hashing += thread.filter(|stat| stat.name.starts_with(HASHING)).map_or(0.0, |stat| stat.own);
        }
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        Self { cpu: own, hashing, peak_kib: peak(&status) }
    }

    /// What was used since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, hashing: self.hashing - before.hashing, peak_kib: self.peak_kib }
    }
}

/// Seconds of processor time of all processes of this machine, by their names; of children that have ended, too.
pub(super) fn by_name() -> BTreeMap<String, f64> {
    let mut used = BTreeMap::new();
    for process in processes() {
        if let Some(stat) = stat(format!("/proc/{process}/stat")) {
            *used.entry(stat.name).or_default() += stat.own + stat.children;
        }
    }
    used
}

/// The numbers of all processes. `self` and `thread-self` are this one once more, and are left out.
fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A share of the processor that others take while something is measured.
pub(super) struct Others {
    watch: Stopwatch,
    /// Everybody's seconds of processor time at the beginning.
    all: f64,
}

impl Others {
    /// Begins to watch.
    pub(super) fn begin() -> Self {
        Self { watch: Stopwatch::start(), all: by_name().values().sum() }
    }

    /// The share of `cores` that processes took other than those that used `ours`, in seconds, since the beginning.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub(super) fn share(&self, ours: f64, cores: usize) -> f64 {
        let all: f64 = by_name().values().sum::<f64>() - self.all;
        let possible = self.watch.elapsed().as_secs_f64() * cores as f64;
        if possible > 0.0 { ((all - ours) / possible).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The processor's name.
pub(super) fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

struct Stat {
    name: String,
    own: f64,
    children: f64,
}

/// The line of a process or thread; `None` when it is gone, or is none.
fn stat(path: impl AsRef<Path>) -> Option<Stat> {
    read_stat(&std::fs::read_to_string(path).ok()?)
}

fn read_stat(line: &str) -> Option<Stat> {
    // The name stands in brackets and may hold some itself.
    let (name, rest) = line.split_once('(')?.1.rsplit_once(')')?;
    let mut times = rest.split_whitespace().skip(11).map(|field| field.parse::<f64>().map(|ticks| ticks / TICKS));
    let mut two = || Some(times.next()?.ok()? + times.next()?.ok()?);
    Some(Stat { name: name.to_owned(), own: two()?, children: two()? })
}

fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let line =
            "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 20 5 20 0 9 0 100 1000 200 18446744073709551615";
        let stat = read_stat(line).expect("a line");
        assert_eq!(stat.name, "a) b (c");
        assert!((stat.own - 2.0).abs() < 1e-9 && (stat.children - 0.25).abs() < 1e-9);
        assert!(read_stat("").is_none() && read_stat("1 (x) S 1").is_none());
        assert_eq!(peak("VmPeak:\t  9 kB\nVmHWM:\t  12345 kB\n"), 12_345);
        assert_eq!(peak(""), 0);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id());
        assert!(usage.peak_kib > 100, "{usage:?}");
        assert!(!by_name().is_empty());
        assert!(Usage::of(u32::MAX).cpu.abs() < f64::EPSILON);
        let ourselves = processes().into_iter().filter(|process| *process == std::process::id()).count();
        assert_eq!(ourselves, 1, "else this process would count as one of the others");
    }
}
