//! Watching a task: a bar for each phase, or plain lines where there is no terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::TaskLedger as _;
use keybell_shared::progress::{Counts, Snapshot};
use keybell_shared::states::TaskState;
use tokio_util::sync::CancellationToken;

use crate::output::complain;
use crate::wiring::Backends;

/// How often the board is read.
const EVERY: Duration = Duration::from_millis(150);

/// Shows a task until it ends, or until `stop`. Answers the last snapshot.
pub(crate) async fn follow(
    backends: &Backends,
    district: DistrictId,
    task: TaskId,
    stop: &CancellationToken,
) -> Result<Snapshot> {
    let mut view = View::new();
    loop {
        let snapshot = read(backends, district, task).await?;
        view.show(&snapshot);
        if snapshot.state.is_final() || stop.is_cancelled() {
            view.end(&snapshot);
            return Ok(snapshot);
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The board's snapshot; the ledger's when the board has none, and always for the last word.
async fn read(backends: &Backends, district: DistrictId, task: TaskId) -> Result<Snapshot> {
    match backends.board.read(task).await {
        Ok(Some(snapshot)) if snapshot.district == district && !snapshot.state.is_final() => Ok(snapshot),
        _ => {
            let view = backends.ledger.task(district, task).await?;
            Ok(view.with_context(|| format!("there is no task {task} in this district"))?.progress)
        }
    }
}

struct View {
    watch: Stopwatch,
    bars: Option<(ProgressBar, ProgressBar)>,
    last: Option<(TaskState, Counts)>,
    last_line: Option<Stopwatch>,
}

impl View {
    fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(|| {
            let group = MultiProgress::new();
            let bar = |name: &'static str| {
                let bar = group.add(ProgressBar::new(0));
                bar.set_style(style());
                bar.set_prefix(name);
                bar
            };
            (bar("passwords reset"), bar("people told"))
        });
        Self { watch: Stopwatch::start(), bars, last: None, last_line: None }
    }

    fn show(&mut self, snapshot: &Snapshot) {
        let counts = snapshot.counts;
        if let Some((reset, told)) = &self.bars {
            reset.set_length(unsigned(counts.total()));
            reset.set_position(unsigned(counts.total() - counts.open));
            reset.set_message(reset_words(&counts));
            told.set_length(unsigned(counts.changed()));
            told.set_position(unsigned(counts.changed() - counts.telling));
            told.set_message(told_words(&counts));
            return;
        }
        let changed = self.last != Some((snapshot.state, counts));
        let due = self.last_line.is_none_or(|watch| watch.elapsed() >= Duration::from_secs(2));
        if changed && due {
            self.line(snapshot);
        }
    }

    /// A plain line.
    fn line(&mut self, snapshot: &Snapshot) {
        let counts = snapshot.counts;
        complain(&format!(
            "{:>5.1} s  {}  reset {}/{}{}  told {}/{}{}",
            self.watch.elapsed().as_secs_f64(),
            snapshot.state,
            counts.total() - counts.open,
            counts.total(),
            bracketed(&reset_words(&counts)),
            counts.changed() - counts.telling,
            counts.changed(),
            bracketed(&told_words(&counts)),
        ));
        self.last = Some((snapshot.state, counts));
        self.last_line = Some(Stopwatch::start());
    }

    fn end(&mut self, snapshot: &Snapshot) {
        match &self.bars {
            Some((reset, told)) => {
                reset.abandon();
                told.abandon();
                complain("");
            }
            None if self.last != Some((snapshot.state, snapshot.counts)) => self.line(snapshot),
            None => {}
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<16} {bar:32.cyan/dim} {pos:>6}/{len:<6} {rate:>7} {eta:>4}  {msg:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be written is not worth a word.
            write!(out, "{:.0}/s", state.per_sec()).unwrap_or_default();
        })
        .progress_chars("━╸─")
}

fn reset_words(counts: &Counts) -> String {
    words(&[
        (counts.skipped, "skipped"),
        (counts.failed, "failed"),
        (counts.superseded, "superseded"),
        (counts.cancelled, "cancelled"),
    ])
}

fn told_words(counts: &Counts) -> String {
    words(&[(counts.undelivered, "not reached"), (counts.silent, "silent"), (counts.retries, "retries")])
}

fn words(parts: &[(i64, &str)]) -> String {
    let shown: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    shown.join(", ")
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}
