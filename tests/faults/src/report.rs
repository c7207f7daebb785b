//! What a run found, as a reader of a terminal wants it, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::checker::Finding;
use crate::evidence::{Crashes, Mode};

/// How many violations of one invariant are printed; all are in the JSON.
const SHOWN: usize = 8;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) faults: Vec<Injected>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) figures: Figures,
    pub(crate) crashes: Crashes,
    pub(crate) unexpected_exits: Vec<String>,
    /// What the load itself can tell to be wrong.
    pub(crate) oddities: Vec<String>,
}

/// One kind of fault, over the whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Injected {
    pub(crate) fault: &'static str,
    pub(crate) times: usize,
    /// Injections that were planned and could not be made, with the reason.
    pub(crate) missed: Vec<String>,
    /// From the end of the fault to the next password that was changed.
    pub(crate) median_ms: Option<i64>,
    pub(crate) worst_ms: Option<i64>,
}

/// What happened in numbers.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    pub(crate) tasks: usize,
    pub(crate) items: usize,
    pub(crate) changed: usize,
    pub(crate) messages: usize,
    pub(crate) repeated: usize,
    /// The time from the last fault until nothing was open any more; none: it was given up.
    pub(crate) quiet_after_ms: Option<u128>,
    /// Answers of the API to requests that were answered at all.
    pub(crate) answers_p50_ms: i64,
    pub(crate) answers_p99_ms: i64,
    pub(crate) answers_without: usize,
    pub(crate) log_megabytes: u64,
}

impl Report {
    /// Whether every promise was kept, and every promise was looked at.
    pub(crate) fn held(&self) -> bool {
        self.findings.iter().all(|finding| finding.violations.is_empty())
            && self.oddities.is_empty()
            && self.figures.quiet_after_ms.is_some()
    }

    /// The report for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mode = match self.mode {
            Mode::Cluster => "cluster",
            Mode::Embedded => "embedded",
        };
        // Writing to a string does not fail.
        let mut line = |written: String| {
            let _always = writeln!(text, "{written}");
        };
        line(format!("\n{mode}, seed {}, {} of load and faults", self.seed, minutes(self.seconds)));
        line(String::new());
        line(format!("  {:<34}{:>6}  {:>22}  {:>8}", "fault", "times", "next reset after, median", "worst"));
        for one in &self.faults {
            let ms = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
            line(format!("  {:<34}{:>6}  {:>24}  {:>8}", one.fault, one.times, ms(one.median_ms), ms(one.worst_ms)));
            for missed in &one.missed {
                line(format!("      not made: {missed}"));
            }
        }
        let figures = &self.figures;
        line(String::new());
        line(format!(
            "  {} kills; {} requests, {} tasks, {} items; {} passwords changed; {} messages arrived, {} of them again",
            self.crashes.all,
            figures.requests,
            figures.tasks,
            figures.items,
            figures.changed,
            figures.messages,
            figures.repeated
        ));
        let settled = figures.quiet_after_ms.map_or_else(
            || "NOT everything was settled in time".to_owned(),
            |ms| format!("everything was settled {}.{} s after the last fault", ms / 1000, ms % 1000 / 100),
        );
        line(format!(
            "  {settled}; the API answered in {} ms (p50), {} ms (p99), {} tries got no answer; {} MB of logs",
            figures.answers_p50_ms, figures.answers_p99_ms, figures.answers_without, figures.log_megabytes
        ));
        for oddity in self.oddities.iter().take(SHOWN) {
            line(format!("  odd: {oddity}"));
        }
        if !self.unexpected_exits.is_empty() {
            line(format!("  {} processes ended by themselves:", self.unexpected_exits.len()));
            for exit in self.unexpected_exits.iter().take(SHOWN) {
                line(format!("      {exit}"));
            }
        }
        line(String::new());
        line(format!("  {:>3}  {:<66}{:>9}  {:>8}", "", "invariant", "checked", "violated"));
        for finding in &self.findings {
            let verdict = match (finding.checked, finding.violations.len()) {
                (0, 0) => "not seen".to_owned(),
                (_, violations) => violations.to_string(),
            };
            line(format!("  {:>3}  {:<66}{:>9}  {verdict:>8}", finding.invariant, finding.promise, finding.checked));
            for note in &finding.notes {
                line(format!("         noted: {note}"));
            }
            for violation in finding.violations.iter().take(SHOWN) {
                line(format!("         {violation}"));
            }
            if finding.violations.len() > SHOWN {
                line(format!("         … and {} more", finding.violations.len() - SHOWN));
            }
        }
        line(String::new());
        line(if self.held() { "  Every promise was kept.".to_owned() } else { "  PROMISES WERE BROKEN.".to_owned() });
        text
    }
}

fn minutes(seconds: u64) -> String {
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

/// The value below which so many percent of the sorted values lie.
pub(crate) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent).div_ceil(100)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile(&[], 99), None);
        assert_eq!(percentile(&[5], 50), Some(5));
        assert_eq!(percentile(&[1, 2, 3, 4], 99), Some(4));
        assert_eq!(percentile(&[1, 2, 3], 50), Some(2));
    }
}
