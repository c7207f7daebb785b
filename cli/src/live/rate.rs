//! How fast it goes, over the last seconds, and how long the rest takes.

use std::collections::VecDeque;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;

/// What is older says nothing about now.
const WINDOW: Duration = Duration::from_secs(10);

/// A count that grows.
#[derive(Debug)]
pub(super) struct Rate {
    began: Stopwatch,
    seen: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Nothing is counted yet.
    pub(super) fn new() -> Self {
        Self { began: Stopwatch::start(), seen: VecDeque::new() }
    }

    /// Notes how much is done now.
    pub(super) fn note(&mut self, done: u64) {
        self.note_at(self.began.elapsed(), done);
    }

    /// As if this much time had passed since the beginning.
    #[cfg(test)]
    pub(super) fn note_later(&mut self, later: Duration, done: u64) {
        let began = self.seen.front().map_or(Duration::ZERO, |(at, _)| *at);
        self.note_at(began + later, done);
    }

    fn note_at(&mut self, at: Duration, done: u64) {
        self.seen.push_back((at, done));
        while self.seen.get(1).is_some_and(|(next, _)| at.saturating_sub(*next) >= WINDOW) {
            self.seen.pop_front();
        }
    }

    /// How many a second; `None` while nothing can be said.
    pub(super) fn per_second(&self) -> Option<f64> {
        let ((from, first), (to, last)) = (self.seen.front()?, self.seen.back()?);
        let seconds = to.saturating_sub(*from).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let done = last.saturating_sub(*first) as f64;
        (seconds >= 0.2).then(|| done / seconds)
    }

    /// How long the rest takes at this rate.
    pub(super) fn left(&self, rest: u64) -> Option<Duration> {
        let rate = self.per_second().filter(|rate| *rate > 0.0)?;
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        let seconds = rest as f64 / rate;
        Duration::try_from_secs_f64(seconds.ceil()).ok()
    }
}

/// A time in words: `8 s`, `2 min 05 s`, `3 h 20 min`.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::new();
        assert_eq!(rate.per_second(), None);
        for second in 0..=100 {
            let done = if second <= 80 { second * 100 } else { 8_000 + (second - 80) * 10 };
            rate.note_at(Duration::from_secs(second), done);
        }
        let now = rate.per_second().expect("a rate");
        assert!((now - 10.0).abs() < 0.1, "{now}");
        assert_eq!(rate.left(600), Some(Duration::from_mins(1)));
        rate.note_at(Duration::from_secs(200), 8_200);
        rate.note_at(Duration::from_secs(211), 8_200);
        assert_eq!(rate.left(600), None, "nothing moves, so nothing can be said");
    }

    #[test]
    fn times_are_read_at_a_glance() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (12_000, "3 h 20 min")] {
            assert_eq!(time(Duration::from_secs(seconds)), text);
        }
    }
}
