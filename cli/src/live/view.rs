//! What is shown: two bars and two lines on a terminal; a plain line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;
use keybell_shared::states::TaskState;

use super::rate::{Rate, time};
use crate::desk::shapes::{Fleet, Moment, Progress};
use crate::output::{colour, complain};

/// How often a plain line is written at most.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// Below this a task is over in a moment, and a rate of it says nothing: two accounts in a fifth of a second are not ten a
/// second.
const PACED: u64 = 100;

/// The view of one task.
pub(crate) struct View {
    hidden: bool,
    watch: Stopwatch,
    bars: Option<Bars>,
    reset: Rate,
    told: Rate,
    now: Option<(TaskState, Progress)>,
    fleet: Option<Fleet>,
    written: Option<(TaskState, Progress)>,
    last_line: Option<Stopwatch>,
}

struct Bars {
    reset: ProgressBar,
    told: ProgressBar,
    accounts: ProgressBar,
    fleet: ProgressBar,
}

impl View {
    /// On the terminal, or as lines.
    pub(crate) fn new() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(Bars::new), hidden: false, ..Self::hidden() }
    }

    /// For whoever wants no progress.
    pub(crate) fn hidden() -> Self {
        Self {
            hidden: true,
            watch: Stopwatch::start(),
            bars: None,
            reset: Rate::new(),
            told: Rate::new(),
            now: None,
            fleet: None,
            written: None,
            last_line: None,
        }
    }

    /// Takes news of the task.
    pub(super) fn show(&mut self, moment: &Moment) {
        self.now = Some((moment.state, moment.progress));
        self.draw();
    }

    /// Takes news of the queues and workers.
    pub(super) fn fleet(&mut self, fleet: Fleet) {
        self.fleet = Some(fleet);
    }

    /// Draws what is known now.
    pub(super) fn draw(&mut self) {
        let Some((state, progress)) = self.now else { return };
        self.reset.note(progress.total - progress.reset.pending);
        self.told.note(progress.notify.total - progress.notify.waiting);
        if let Some(bars) = &self.bars {
            self.draw_bars(bars, state, &progress);
        } else if self.last_line.as_ref().is_none_or(|watch| watch.elapsed() >= LINE_EVERY) {
            self.line();
        }
    }

    fn draw_bars(&self, bars: &Bars, state: TaskState, progress: &Progress) {
        let (reset, told) = (&progress.reset, &progress.notify);
        bars.reset.set_length(progress.total);
        bars.reset.set_position(progress.total - reset.pending);
        bars.reset.set_message(pace(&self.reset, (reset.pending, progress.total), state));
        bars.told.set_length(told.total);
        bars.told.set_position(told.total - told.waiting);
        bars.told.set_message(pace(&self.told, (told.waiting, told.total), state));
        bars.accounts.set_message(format!("{:<23}{}", state.as_str().replace('_', " "), accounts(progress)));
        bars.fleet.set_message(self.fleet.as_ref().map(fleet).unwrap_or_default());
    }

    /// A plain line, if there is anything new.
    fn line(&mut self) {
        if self.hidden {
            return;
        }
        let Some((state, progress)) = self.now.filter(|now| self.written != Some(*now)) else { return };
        let (reset, told) = (&progress.reset, &progress.notify);
        let mut line = format!(
            "{:>6.1} s  {state}: {}/{} reset{}, {}/{} told{}",
            self.watch.elapsed().as_secs_f64(),
            progress.total - reset.pending,
            progress.total,
            bracketed(&pace(&self.reset, (reset.pending, progress.total), state)),
            told.notified,
            told.total,
            bracketed(&pace(&self.told, (told.waiting, told.total), state)),
        );
        let others = accounts(&progress);
        if !others.is_empty() {
            line = format!("{line}; {others}");
        }
        complain(&line);
        self.written = self.now;
        self.last_line = Some(Stopwatch::start());
    }

    /// Says what the task waits for.
    pub(super) fn waits(&self, task: TaskId) {
        let line = format!("it waits for a second person: keybell task approve {task}");
        match &self.bars {
            Some(bars) => bars.accounts.println(line),
            None if !self.hidden => complain(&line),
            None => {}
        }
    }

    /// The last word.
    pub(super) fn end(&mut self) {
        match &self.bars {
            Some(bars) => {
                bars.fleet.finish_and_clear();
                for bar in [&bars.reset, &bars.told, &bars.accounts] {
                    bar.abandon();
                }
                complain("");
            }
            None => self.line(),
        }
    }
}

impl Bars {
    fn new() -> Self {
        let group = MultiProgress::new();
        let bar = |name: &'static str| {
            let bar = group.add(ProgressBar::new(0));
            bar.set_style(style());
            bar.set_prefix(name);
            bar
        };
        let text = || {
            let line = group.add(ProgressBar::new(0));
            line.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
            line
        };
        Self { reset: bar("passwords reset"), told: bar("telling people"), accounts: text(), fleet: text() }
    }
}

fn style() -> ProgressStyle {
    let template = if colour::on_stderr() {
        "{prefix:<16}{wide_bar:.cyan/dim} {pos:>7}/{len:<7} {msg:<22}"
    } else {
        "{prefix:<16}{wide_bar} {pos:>7}/{len:<7} {msg:<22}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

/// The rate, and the time that the rest of all takes; nothing of a task too small for it.
fn pace(rate: &Rate, (rest, all): (u64, u64), state: TaskState) -> String {
    let shown = rest > 0 && all >= PACED && !state.is_final();
    let Some(per_second) = rate.per_second().filter(|_| shown) else { return String::new() };
    match rate.left(rest) {
        Some(left) => format!("{per_second:.0}/s, {} left", time(left)),
        None => "0/s".to_owned(),
    }
}

/// What became of accounts besides the two bars.
fn accounts(progress: &Progress) -> String {
    let (reset, told) = (&progress.reset, &progress.notify);
    words(&[
        (reset.skipped, "skipped"),
        (reset.failed, "failed"),
        (reset.superseded, "superseded"),
        (reset.cancelled, "cancelled"),
        (told.undelivered, "not reached"),
        (told.silent, "silent"),
        (told.retries, "retries"),
    ])
}

/// Queues and workers: `reset: 120 queued, 4 workers · email: …`.
fn fleet(fleet: &Fleet) -> String {
    let stages = fleet.stages.iter().map(|stage| {
        let workers = match stage.workers {
            Some(1) => ", 1 worker".to_owned(),
            Some(workers) => format!(", {workers} workers"),
            None => String::new(),
        };
        format!("{} {} queued{workers}", stage.name, stage.waiting)
    });
    stages.collect::<Vec<_>>().join(" · ")
}

fn words(parts: &[(u64, &str)]) -> String {
    let shown: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    shown.join(", ")
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_task_has_no_rate() {
        let mut rate = Rate::new();
        rate.note(0);
        assert_eq!(pace(&rate, (50, PACED), TaskState::Running), "", "nothing is known yet");
        rate.note_later(Duration::from_secs(1), 50);
        assert_eq!(pace(&rate, (50, PACED), TaskState::Running), "50/s, 1 s left");
        assert_eq!(pace(&rate, (50, PACED - 1), TaskState::Running), "");
        assert_eq!(pace(&rate, (0, PACED), TaskState::Running), "");
        assert_eq!(pace(&rate, (50, PACED), TaskState::Completed), "");
    }
}
