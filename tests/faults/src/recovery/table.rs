//! The figures, for a terminal and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::evidence::Ms;
use crate::report::percentile;

/// All figures.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// Of this harness and the program that it measures.
    pub(crate) build: &'static str,
    pub(crate) rounds: u32,
    pub(crate) recoveries: Vec<Recovery>,
    pub(crate) doors: Vec<Door>,
    pub(crate) stops: Vec<Stop>,
    /// What was seen besides, and should not have been.
    pub(crate) oddities: Vec<String>,
}

/// The time from a fault until something moves again.
#[derive(Debug, Serialize)]
pub(crate) struct Recovery {
    pub(crate) what: &'static str,
    pub(crate) target_ms: Ms,
    /// One for each round in which there was something to see; `null`: not within a minute.
    pub(crate) took_ms: Vec<Option<Ms>>,
}

/// What the API answered while something was away.
#[derive(Debug, Serialize)]
pub(crate) struct Door {
    pub(crate) what: &'static str,
    pub(crate) target: &'static str,
    pub(crate) requests: usize,
    pub(crate) accepted: usize,
    /// Answers of 503.
    pub(crate) refused: usize,
    /// Other answers, and none.
    pub(crate) other: usize,
    /// 2xx answers whose task the ledger does not have.
    pub(crate) false_promises: usize,
    pub(crate) p50_ms: Ms,
    pub(crate) p99_ms: Ms,
    pub(crate) max_ms: Ms,
    pub(crate) held: bool,
}

/// Graceful stops of one kind of process under load.
#[derive(Debug, Serialize)]
pub(crate) struct Stop {
    pub(crate) kind: &'static str,
    pub(crate) codes: Vec<Option<i32>>,
    pub(crate) took_ms: Vec<Option<Ms>>,
    /// Messages that came again because of them.
    pub(crate) repeated: usize,
}

/// A process has stopped within this, as service managers want it.
const STOP_TARGET: Ms = 30_000;

impl Recovery {
    fn held(&self) -> bool {
        !self.took_ms.is_empty() && self.took_ms.iter().all(|took| took.is_some_and(|took| took <= self.target_ms))
    }
}

impl Stop {
    fn held(&self) -> bool {
        let in_time = self.took_ms.iter().all(|took| took.is_some_and(|took| took <= STOP_TARGET));
        in_time && self.repeated == 0 && self.codes.iter().all(|code| *code == Some(0))
    }
}

impl Table {
    pub(super) const fn new(rounds: u32) -> Self {
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self { build, rounds, recoveries: Vec::new(), doors: Vec::new(), stops: Vec::new(), oddities: Vec::new() }
    }

    /// One more round of a recovery; `None`: it did not come within a minute.
    pub(super) fn took(&mut self, what: &'static str, target_ms: Ms, took: Option<Ms>) {
        self.row(what, target_ms).took_ms.push(took);
    }

    /// A round in which there was nothing to see. The row is there all the same.
    pub(super) fn nothing_to_see(&mut self, what: &'static str, target_ms: Ms) {
        self.row(what, target_ms);
    }

    fn row(&mut self, what: &'static str, target_ms: Ms) -> &mut Recovery {
        let place = self.recoveries.iter().position(|row| row.what == what);
        let place = place.unwrap_or_else(|| {
            self.recoveries.push(Recovery { what, target_ms, took_ms: Vec::new() });
            self.recoveries.len() - 1
        });
        // The place was found or made right above.
        #[expect(clippy::indexing_slicing, reason = "found or made right above")]
        &mut self.recoveries[place]
    }

    pub(super) fn stopped(&mut self, kind: &'static str, code: Option<i32>, took: Duration, repeated: usize) {
        let took = Ms::try_from(took.as_millis()).ok();
        match self.stops.iter_mut().find(|stop| stop.kind == kind) {
            Some(stop) => {
                stop.codes.push(code);
                stop.took_ms.push(took);
                stop.repeated += repeated;
            }
            None => self.stops.push(Stop { kind, codes: vec![code], took_ms: vec![took], repeated }),
        }
    }

    /// Whether every target was met.
    pub(crate) fn held(&self) -> bool {
        self.recoveries.iter().all(Recovery::held)
            && self.doors.iter().all(|door| door.held)
            && self.stops.iter().all(Stop::held)
            && self.oddities.is_empty()
    }

    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |written: String| {
            // Writing to a string does not fail.
            let _always = writeln!(text, "{}", written.trim_end());
        };
        line(format!("\nRecovery, {} build, {} rounds under load\n", self.build, self.rounds));
        line(format!("  {:<58}{:>9}{:>8}{:>11}{:>11}  {}", "what", "target", "seen", "median", "worst", "held"));
        for row in &self.recoveries {
            let (median, worst) = middle_and_worst(&row.took_ms);
            let (target, seen) = (ms(row.target_ms), row.took_ms.len());
            line(format!("  {:<58}{target:>9}{seen:>8}{median:>11}{worst:>11}  {}", row.what, yes(row.held())));
        }
        line(format!(
            "\n  {:<58}{:>9}{:>8}{:>11}{:>11}  {}",
            "SIGTERM under load", "target", "codes", "median", "worst", "held"
        ));
        for stop in &self.stops {
            let (median, worst) = middle_and_worst(&stop.took_ms);
            let what = format!("{}; messages repeated: {}", stop.kind, stop.repeated);
            let good = stop.codes.iter().all(|code| *code == Some(0));
            let (target, codes) = (ms(STOP_TARGET), if good { "all 0" } else { "not 0" });
            line(format!("  {what:<58}{target:>9}{codes:>8}{median:>11}{worst:>11}  {}", yes(stop.held())));
        }
        line(format!(
            "\n  {:<34}{:>9}{:>9}{:>5}{:>7}{:>7}{:>9}{:>9}{:>9}  {}",
            "door", "requests", "accepted", "503", "other", "false", "p50", "p99", "max", "held"
        ));
        for door in &self.doors {
            let [p50, p99, max] = [door.p50_ms, door.p99_ms, door.max_ms].map(ms);
            line(format!(
                "  {:<34}{:>9}{:>9}{:>5}{:>7}{:>7}{p50:>9}{p99:>9}{max:>9}  {}",
                door.what,
                door.requests,
                door.accepted,
                door.refused,
                door.other,
                door.false_promises,
                yes(door.held)
            ));
            line(format!("      target: {}", door.target));
        }
        for oddity in &self.oddities {
            line(format!("\n  {oddity}"));
        }
        line(if self.held() { "\n  Every target was met.".to_owned() } else { "\n  TARGETS WERE MISSED.".to_owned() });
        text
    }
}

const fn yes(held: bool) -> &'static str {
    if held { "yes" } else { "NO" }
}

fn ms(value: Ms) -> String {
    format!("{value} ms")
}

fn middle_and_worst(took: &[Option<Ms>]) -> (String, String) {
    let mut known: Vec<Ms> = took.iter().flatten().copied().collect();
    known.sort_unstable();
    let shown = |value: Option<Ms>| value.map_or_else(|| "-".to_owned(), ms);
    let worst = if known.len() < took.len() { "never".to_owned() } else { shown(known.last().copied()) };
    (shown(percentile(&known, 50)), worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_held_only_when_every_round_was_seen_in_time() {
        let mut table = Table::new(2);
        table.took("a", 1_000, Some(10));
        table.took("a", 1_000, Some(1_000));
        table.stopped("api", Some(0), Duration::from_millis(70), 0);
        assert!(table.held(), "{}", table.text());
        assert!(
            table.text().contains("a                                                           1000 ms       2"),
            "{}",
            table.text()
        );
        table.nothing_to_see("b", 1_000);
        assert!(!table.held(), "nothing seen is no proof");
        table.recoveries.pop();
        table.took("a", 1_000, None);
        assert!(!table.held() && table.text().contains("never"), "{}", table.text());
        table.recoveries.clear();
        table.stopped("api", Some(1), Duration::from_millis(70), 0);
        assert!(!table.held() && table.text().contains("not 0"), "{}", table.text());
    }
}
