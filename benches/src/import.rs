//! Bringing a OneRoster zip into PostgreSQL: how many people a second, and in how much memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use clap::Args;
use keybell_backends::ledger::SqlLedger;
use keybell_roster::{Options as Reading, import};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{KeyLedger as _, RosterLedger};
use keybell_tests::ledgers::TestLedger;
use serde::Serialize;

use crate::district::{self, Size};
use crate::output::{columns, step};
use crate::processes::{Cpu, forget_peak, peak_memory};

/// What is imported.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many people.
    #[arg(long, default_value_t = 100_000)]
    people: u32,
    /// How many classes each pupil is in.
    #[arg(long, default_value_t = 6)]
    classes: u32,
    /// How often each import is repeated, into an empty database each time.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
}

/// One import.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What was in the zip.
    pub(crate) what: &'static str,
    /// Rows of all its files.
    pub(crate) rows: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// People per second of the whole time.
    pub(crate) per_second: f64,
    /// CPU microseconds for each person.
    pub(crate) cpu: Cpu,
    /// The most memory that this process had resident meanwhile, in MiB.
    pub(crate) mib: f64,
    /// Seconds by file, from its first batch to the next file's.
    pub(crate) files: Vec<(String, f64)>,
}

/// Imports people alone, then with guardians, then with everything, then the last one once more.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let Options { people, classes, rounds } = *options;
    let mut rows = Vec::new();
    for _ in 0..rounds {
        for (what, size) in [
            ("people", Size { people, classes: 0, guardians: false }),
            ("people, guardians", Size { people, classes: 0, guardians: true }),
            ("people, guardians, enrolments", Size { people, classes, guardians: true }),
        ] {
            step(&format!("{what}: {people} people, {} enrolments", size.enrolments()));
            let zip = folder.path().join("roster.zip");
            district::write(&zip, size)?;
            let test = TestLedger::postgres().await;
            let district = test.ledger.ensure_district("bench", "Synthetic District").await?.id;
            rows.push(once(what, &test.ledger, district, &zip, people).await?);
            if size.classes > 0 {
                step("the same again");
                rows.push(once("the same again", &test.ledger, district, &zip, people).await?);
            }
        }
    }
    Ok(rows)
}

async fn once(
    what: &'static str,
    ledger: &Arc<SqlLedger>,
    district: DistrictId,
    zip: &Path,
    people: u32,
) -> Result<Row> {
    let ledger: Arc<dyn RosterLedger> = Arc::<SqlLedger>::clone(ledger);
    let own = [std::process::id()];
    forget_peak()?;
    let (watch, before) = (Stopwatch::start(), Cpu::now(&own)?);
    let begun: Arc<Mutex<Vec<(String, f64)>>> = Arc::default();
    let noted = Arc::clone(&begun);
    let report = import(zip, Reading::default(), district, ledger, move |progress| {
        let at = watch.elapsed().as_secs_f64();
        if let Ok(mut noted) = noted.lock() {
            match noted.last_mut() {
                Some((file, until)) if file.as_str() == progress.file => *until = at,
                _ => noted.push((progress.file.into_owned(), at)),
            }
        }
    })
    .await
    .context("the import")?;
    let seconds = watch.elapsed().as_secs_f64();
    let cpu = Cpu::now(&own)?.since(before, people);
    anyhow::ensure!(report.total.rejected == 0, "{}", report.table());
    let mut earlier = 0.0;
    let until = begun.lock().map(|begun| begun.clone()).unwrap_or_default();
    let mut files: Vec<(String, f64)> = Vec::with_capacity(until.len() + 1);
    for (file, at) in until {
        files.push((file, at - earlier));
        earlier = at;
    }
    let mib = peak_memory(std::process::id())?;
    let per_second = f64::from(people) / seconds;
    Ok(Row { what, rows: report.total.read, seconds, per_second, cpu, mib, files })
}

/// A line for each import.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["import of", "rows", "s", "people/s", "CPU PostgreSQL + own, µs/person", "peak MiB", "seconds by file"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let files: Vec<String> = row.files.iter().map(|(file, seconds)| format!("{file} {seconds:.1}")).collect();
        vec![
            row.what.to_owned(),
            row.rows.to_string(),
            format!("{:.2}", row.seconds),
            format!("{:.0}", row.per_second),
            format!("{:.0} + {:.0}", row.cpu.postgres, row.cpu.keybell),
            format!("{:.0}", row.mib),
            files.join(", "),
        ]
    }));
    columns(&lines)
}
