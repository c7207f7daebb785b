//! What tests of large rosters share: files of many rows, and an import of them in flat memory.

#[path = "port.rs"]
mod port;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keybell_roster::{Options, Report, import};
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Class, Enrolment, Person, RosterLedger, RowFate, School};
use port::{Plain, Port};

/// Takes everything and keeps nothing.
#[derive(Default)]
struct Drain {
    linked: AtomicUsize,
}

impl Plain for Drain {
    fn schools(&self, rows: &[School]) -> Vec<RowFate> {
        vec![RowFate::Created; rows.len()]
    }

    fn classes(&self, rows: &[Class]) -> Vec<RowFate> {
        vec![RowFate::Created; rows.len()]
    }

    fn people(&self, rows: &[Person]) -> Vec<RowFate> {
        vec![RowFate::Created; rows.len()]
    }

    fn guardians(&self, links: &[(String, Vec<String>)]) -> Vec<(String, String)> {
        let count = links.iter().map(|(_, guardians)| guardians.len()).sum();
        self.linked.fetch_add(count, Ordering::Relaxed);
        Vec::new()
    }

    fn enrolments(&self, rows: &[Enrolment]) -> Vec<RowFate> {
        vec![RowFate::Created; rows.len()]
    }
}

/// An id as long as they usually are.
pub(crate) fn id(kind: &str, n: usize) -> String {
    format!("{kind}-6f1c2d34-0000-4000-8000-{n:012}")
}

/// Writes a file of these rows.
pub(crate) fn write(folder: &Path, name: &str, head: &str, rows: impl Iterator<Item = String>) {
    let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
    writeln!(file, "{head}").unwrap();
    for row in rows {
        writeln!(file, "{row}").unwrap();
    }
}

/// The peak resident memory of this process, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Imports a folder in which every row is in order, in flat memory. Answers how many guardians were linked, too.
pub(crate) async fn import_in_64_mib(folder: &Path) -> (Report, usize) {
    let drain = Arc::new(Port::<Drain>::default());
    let before = peak();
    let ledger: Arc<dyn RosterLedger> = Arc::clone(&drain) as _;
    let report = import(folder, Options::default(), DistrictId::fresh(), ledger, |_| {}).await.unwrap();
    let growth = peak() - before;
    assert!(report.is_clean() && report.total.warnings == 0, "{}", report.table());
    assert!(growth < 64 * 1024, "peak memory grew by {growth} KiB");
    (report, drain.0.linked.load(Ordering::Relaxed))
}
