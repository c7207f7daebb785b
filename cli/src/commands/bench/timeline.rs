//! Counts over time, and what follows from them.

use std::time::Duration;

/// The steady rate is measured between these shares of all accounts, so that neither the start nor the end blurs it.
const STEADY: (f64, f64) = (0.2, 0.9);

/// A count that grows, as it was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    marks: Vec<Mark>,
}

/// When a count was first seen.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// When somebody looked and it was there.
    seen: Duration,
    /// When somebody had looked last and it was not yet there.
    unseen: Duration,
    count: u64,
}

impl Timeline {
    /// Notes what was there at `seen`; at `unseen`, the last look before, it may have been less.
    pub(super) fn note(&mut self, unseen: Duration, seen: Duration, count: u64) {
        if self.last() < count {
            self.marks.push(Mark { seen, unseen, count });
        }
    }

    /// The newest count.
    pub(super) fn last(&self) -> u64 {
        self.marks.last().map_or(0, |mark| mark.count)
    }

    /// When this count was reached.
    pub(super) fn reached(&self, count: u64) -> Option<Duration> {
        self.marks.iter().find(|mark| mark.count >= count).map(|mark| mark.seen)
    }

    /// The rate a second between 20 % and 90 % of `all`; `None` when it went too fast to be seen.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn steady(&self, all: u64) -> Option<f64> {
        let first = |share: f64| self.marks.iter().find(|mark| mark.count as f64 >= all as f64 * share);
        let (from, to) = (first(STEADY.0)?, first(STEADY.1)?);
        let seconds = to.seen.saturating_sub(from.seen).as_secs_f64();
        (to.count > from.count && seconds > 0.0).then(|| (to.count - from.count) as f64 / seconds)
    }

    /// How long the steady part lasted.
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    pub(super) fn steady_lasted(&self, all: u64) -> Duration {
        let first = |share: f64| self.marks.iter().find(|mark| mark.count as f64 >= all as f64 * share);
        match (first(STEADY.0), first(STEADY.1)) {
            (Some(from), Some(to)) => to.seen.saturating_sub(from.seen),
            _ => Duration::ZERO,
        }
    }

    /// For each change of this count: how much later `shown` had it. Never less than it took: it counts from the last look
    /// at which the change was not yet there.
    pub(super) fn delays(&self, shown: &Self) -> Vec<Duration> {
        let delay = |mark: &Mark| Some(shown.reached(mark.count)?.saturating_sub(mark.unseen));
        self.marks.iter().filter_map(delay).collect()
    }
}

/// The value that this share of all is not above; `None` of nothing.
pub(super) fn percentile(values: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_steady_rate_knows_nothing_of_start_and_end() {
        let mut line = Timeline::default();
        // 5 s of start, then 100 a second, and a slow end.
        for step in 0..=100_u64 {
            line.note(ms(5_000 + step * 100 - 20), ms(5_000 + step * 100), step * 10);
        }
        line.note(ms(90_000), ms(100_000), 1_001);
        assert!((line.steady(1_000).expect("a rate") - 100.0).abs() < 0.01, "{line:?}");
        assert_eq!(line.steady_lasted(1_000), ms(7_000));
        assert_eq!(line.reached(1_000), Some(ms(15_000)));
        assert_eq!(line.reached(2_000), None);
        let mut sudden = Timeline::default();
        sudden.note(ms(0), ms(20), 1_000);
        assert_eq!(sudden.steady(1_000), None);
    }

    #[test]
    fn a_delay_is_counted_from_the_last_look_before_the_change() {
        let (mut ledger, mut board) = (Timeline::default(), Timeline::default());
        ledger.note(ms(80), ms(100), 64);
        ledger.note(ms(180), ms(200), 128);
        ledger.note(ms(280), ms(300), 192);
        board.note(ms(0), ms(150), 64);
        board.note(ms(150), ms(450), 192);
        assert_eq!(ledger.delays(&board), [ms(70), ms(270), ms(170)]);
        assert_eq!(percentile(&ledger.delays(&board), 0.5), Some(ms(170)));
        assert_eq!(percentile(&ledger.delays(&board), 0.99), Some(ms(270)));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
