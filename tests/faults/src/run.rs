//! The long run: load and faults for some minutes, rest, judgement, report.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::checker::{history, parity};
use crate::disk::Disk;
use crate::evidence::{Fate, Mode, Ms};
use crate::inject::{Injections, inject};
use crate::load::LoadPlan;
use crate::plan::{Fault, schedule};
use crate::report::{Figures, Injected, Report, percentile};
use crate::scenario::{Setup, Verdict, World};

/// For invariant 12.
type Outcomes = BTreeMap<parity::Place, parity::Outcome>;

/// The embedded server's disk: what a run writes takes about a tenth of it.
const DISK_MEGABYTES: u32 = 512;

/// What is asked for on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
}

/// Runs one mode, or both and compares them. The folder is everybody's: servers, logs, databases.
pub(crate) async fn run(modes: &[Mode], options: Options, program: &Path, folder: &Path) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    let mut outcomes = Vec::new();
    for &mode in modes {
        let place = folder.join(format!("{mode:?}").to_lowercase());
        std::fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
        let (report, outcome) = Box::pin(one(mode, options, program.to_owned(), place)).await?;
        reports.push(report);
        outcomes.push(outcome);
    }
    if let ([first, second], Some(last)) = (outcomes.as_slice(), reports.last_mut()) {
        last.findings.push(parity::compare(first, second));
    }
    Ok(reports)
}

async fn one(mode: Mode, options: Options, program: PathBuf, folder: PathBuf) -> Result<(Report, Outcomes)> {
    let name = format!("{mode:?}").to_lowercase();
    // Before anything is written: the embedded server's folder lies on a disk that can be filled.
    let data = folder.join("data");
    let disk = if mode == Mode::Embedded { own_disk(&data)? } else { None };
    tell(&format!("{name}: starting the servers and the processes"));
    let mut world = World::start(Setup::new(mode, program, folder, options.seed), None).await?;
    // The orderly district has something to do for as long as there are faults, and the same in both modes.
    let minutes = usize::try_from(options.length.as_secs() / 60).unwrap_or_default();
    let usual = world.plan(options.seed);
    let running = world.load(&LoadPlan { orderly_tasks: usual.orderly_tasks * minutes.max(1), ..usual }).await?;
    let schedule = schedule(mode, options.seed, options.length);
    tell(&format!("{name}: {} faults in {} s", schedule.len(), options.length.as_secs()));
    let bar = tokio::spawn(progress(options.length));
    let injections = inject(&mut world, disk.as_ref(), &schedule).await;
    bar.abort();
    tell(&format!("{name}: no more faults; waiting for rest"));
    world.crashes = injections.crashes(world.crashes);
    let rest = world.quiesce(running).await?;
    tell(&format!("{name}: judging"));
    let (ledger, logs) = (world.ledger.clone(), world.folder.join("logs"));
    let verdict = world.judge(rest).await?;
    let history = history::read(&ledger, &[history::Kind::Item, history::Kind::Task]).await;
    let mut resets: Vec<Ms> = history.iter().filter(|entry| entry.changes_password()).map(|entry| entry.at).collect();
    resets.sort_unstable();
    let new = |kind| history.iter().filter(|entry| entry.kind == kind && entry.from.is_none()).count();
    let figures = Figures {
        tasks: new(history::Kind::Task),
        items: new(history::Kind::Item),
        changed: resets.len(),
        log_megabytes: size_of(&logs) >> 20,
        ..figures(&verdict)
    };
    let report = Report {
        mode,
        seed: options.seed,
        seconds: options.length.as_secs(),
        faults: injected(&injections, &resets),
        findings: verdict.findings,
        figures,
        crashes: verdict.evidence.crashes,
        unexpected_exits: verdict.evidence.unexpected_exits,
        oddities: verdict.oddities,
    };
    if let Some(mut services) = verdict.services {
        services.stop().await;
    }
    Ok((report, verdict.outcomes))
}

fn own_disk(folder: &Path) -> Result<Option<Disk>> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    match Disk::mount(folder, DISK_MEGABYTES) {
        Ok(disk) => Ok(Some(disk)),
        Err(error) => {
            tell(&format!("the disk cannot be filled in this run: {error:#}"));
            Ok(None)
        }
    }
}

async fn progress(length: Duration) {
    let seconds = length.as_secs();
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(seconds) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} s") {
        bar.set_style(style);
    }
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
}

/// A line about where the run is.
#[expect(clippy::print_stderr, reason = "the harness speaks to whoever started it")]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}

/// Each kind of fault, with the time from its end to the next password that was changed.
fn injected(injections: &Injections, resets: &[Ms]) -> Vec<Injected> {
    let kinds: BTreeSet<Fault> = injections
        .done
        .iter()
        .map(|(fault, _)| *fault)
        .chain(injections.missed.iter().map(|(fault, _)| *fault))
        .collect();
    kinds
        .into_iter()
        .map(|kind| {
            let ends: Vec<Ms> = injections.done.iter().filter(|(fault, _)| *fault == kind).map(|(_, at)| *at).collect();
            let mut gaps: Vec<Ms> = ends
                .iter()
                .filter_map(|end| resets.get(resets.partition_point(|reset| reset < end)).map(|next| next - end))
                .collect();
            gaps.sort_unstable();
            Injected {
                fault: kind.name(),
                times: ends.len(),
                missed: injections
                    .missed
                    .iter()
                    .filter(|(fault, _)| *fault == kind)
                    .map(|(_, why)| why.clone())
                    .collect(),
                median_ms: percentile(&gaps, 50),
                worst_ms: gaps.last().copied(),
            }
        })
        .collect()
}

fn figures(verdict: &Verdict) -> Figures {
    let evidence = &verdict.evidence;
    let tries = || evidence.requests.iter().flat_map(|request| &request.tries);
    let mut answered: Vec<Ms> = tries().filter(|one| one.status != 0).map(|one| one.took).collect();
    answered.sort_unstable();
    let accepted: Vec<_> = evidence
        .messages
        .iter()
        .filter(|message| matches!(message.fate, Fate::Accepted | Fate::AcceptedUnknown))
        .collect();
    let different: BTreeSet<_> =
        accepted.iter().map(|message| (&message.message_id, &message.to, &message.text)).collect();
    Figures {
        requests: evidence.requests.len(),
        messages: accepted.len(),
        repeated: accepted.len() - different.len(),
        quiet_after_ms: verdict.quiet_after.map(|time| time.as_millis()),
        answers_p50_ms: percentile(&answered, 50).unwrap_or_default(),
        answers_p99_ms: percentile(&answered, 99).unwrap_or_default(),
        answers_without: tries().filter(|one| one.status == 0).count(),
        ..Figures::default()
    }
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(file) if file.is_file() => file.len(),
            Ok(_) => size_of(&entry.path()),
            Err(_) => 0,
        })
        .sum()
}
