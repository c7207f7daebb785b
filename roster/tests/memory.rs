//! A hundred thousand people in flat memory. Alone in its program, since the peak is the whole program's.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

#[path = "support/port.rs"]
mod port;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keybell_roster::{Options, import};
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Class, Enrolment, Person, RosterLedger, RowFate, School};
use port::{Plain, Port};
use tempfile::TempDir;

const PEOPLE: usize = 100_000;
/// Per pupil; a secondary school has six or seven.
const CLASSES: usize = 6;

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

fn id(kind: &str, n: usize) -> String {
    format!("{kind}-6f1c2d34-0000-4000-8000-{n:012}")
}

fn write(folder: &Path, name: &str, head: &str, rows: impl Iterator<Item = String>) {
    let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
    writeln!(file, "{head}").unwrap();
    for row in rows {
        writeln!(file, "{row}").unwrap();
    }
}

/// A OneRoster 1.2 export, which needs the most memory: half are pupils, half their guardians.
fn generate(folder: &Path) {
    let files = ["orgs", "classes", "users", "roles", "enrollments"];
    let modes = files.iter().fold(String::new(), |mut text, file| {
        write!(text, "\nfile.{file},bulk").unwrap();
        text
    });
    fs::write(folder.join("manifest.csv"), format!("propertyName,value\noneroster.version,1.2{modes}\n")).unwrap();
    let schools = (0..100).map(|n| format!("{},School {n},school", id("org", n)));
    write(folder, "orgs.csv", "sourcedId,name,type", schools);
    let classes = (0..4000).map(|n| format!("{},Class {n},{}", id("cls", n), id("org", n % 100)));
    write(folder, "classes.csv", "sourcedId,title,schoolSourcedId", classes);
    let users = (0..PEOPLE).map(|n| {
        let agents = if n % 2 == 0 { id("usr", n + 1) } else { String::new() };
        format!(
            "{},true,user{n},Given{n},Family{n},user{n}@example.org,+1415555{:04},{agents},7",
            id("usr", n),
            n % 10_000
        )
    });
    let head = "sourcedId,enabledUser,username,givenName,familyName,email,sms,agentSourcedIds,grades";
    write(folder, "users.csv", head, users);
    let roles = (0..PEOPLE).map(|n| {
        let role = if n % 2 == 0 { "student" } else { "guardian" };
        format!("{},{},primary,{role},{}", id("rol", n), id("usr", n), id("org", n % 100))
    });
    write(folder, "roles.csv", "sourcedId,userSourcedId,roleType,role,orgSourcedId", roles);
    let enrolments = (0..PEOPLE / 2 * CLASSES).map(|n| {
        let (pupil, class) = (n / CLASSES * 2, n % 4000);
        format!("{},{},{},student", id("enr", n), id("cls", class), id("usr", pupil))
    });
    write(folder, "enrollments.csv", "sourcedId,classSourcedId,userSourcedId,role", enrolments);
}

/// The peak resident memory of this process, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_people_need_less_than_64_mib() {
    let folder = TempDir::new().unwrap();
    generate(folder.path());
    let drain = Arc::new(Port::<Drain>::default());
    let before = peak();
    let ledger: Arc<dyn RosterLedger> = Arc::clone(&drain) as _;
    let report = import(folder.path(), Options::default(), DistrictId::fresh(), ledger, |_| {}).await.unwrap();
    let growth = peak() - before;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(report.total.read, report.total.created);
    assert_eq!(report.total.warnings, 0, "{}", report.table());
    assert_eq!(usize::try_from(report.total.read).unwrap(), 100 + 4000 + 2 * PEOPLE + PEOPLE / 2 * CLASSES);
    assert_eq!(drain.0.linked.load(Ordering::Relaxed), PEOPLE / 2);
    println!("peak memory grew by {growth} KiB");
    assert!(growth < 64 * 1024, "peak memory grew by {growth} KiB");
}
