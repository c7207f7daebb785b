//! How many items are kept queued, and whose. Pure arithmetic; the dispatcher acts on it.
//!
//! The window is about two seconds of what the whole fleet was measured to do: enough that no worker waits, little
//! enough that pause and cancel act at once and a small task never waits behind a large one.

use std::time::Duration;

use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::Runnable;

/// How many seconds of work are kept queued.
const SECONDS: f64 = 2.0;

/// Over how many seconds the throughput is averaged.
const MEMORY: f64 = 1.0;

/// What the fleet was measured to do, in items per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Throughput(f64);

impl Throughput {
    /// Takes in that `taken` items left the queue within `elapsed`. The longer the time, the more the measurement
    /// counts, so that many short rounds weigh as much as a few long ones.
    #[must_use]
    pub(crate) fn observe(self, taken: u32, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return self;
        }
        let weight = 1.0 - (-seconds / MEMORY).exp();
        Self(self.0 + weight * (f64::from(taken) / seconds - self.0))
    }

    /// How many items are kept queued, within `min` and `max`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to two u32 before; a NaN cannot arise and would become 0"
    )]
    pub(crate) fn window(self, min: u32, max: u32) -> u32 {
        (self.0 * SECONDS).clamp(f64::from(min), f64::from(max.max(min))).ceil() as u32
    }
}

/// Shares out `room` places, one at a time, round robin over the districts and within each over its tasks. Nobody gets
/// more than one place more than their neighbour. `turn` says who comes first: counted up from round to round, it lets
/// everybody be first in turn, which matters when there are fewer places than tasks.
///
/// Answers only tasks that got a place.
#[must_use]
pub(crate) fn share_out(runnable: &[Runnable], room: u32, turn: usize) -> Vec<(TaskId, u32)> {
    let districts = by_district(runnable);
    let mut shares = Vec::new();
    for (district_share, tasks) in even(room, turn, &districts) {
        // Within a district the first place moves on once everybody else had a turn as the first district.
        let inner_turn = turn / districts.len().max(1);
        shares.extend(even(district_share, inner_turn, tasks).map(|(share, task)| (*task, share)));
    }
    shares
}

/// The tasks of each district, in the order of their first task.
fn by_district(runnable: &[Runnable]) -> Vec<Vec<TaskId>> {
    let mut districts: Vec<(DistrictId, Vec<TaskId>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for one in runnable {
        let at = *index.entry(one.district).or_insert_with(|| {
            districts.push((one.district, Vec::new()));
            districts.len() - 1
        });
        if let Some((_, tasks)) = districts.get_mut(at) {
            tasks.push(one.task);
        }
    }
    districts.into_iter().map(|(_, tasks)| tasks).collect()
}

/// Splits `room` evenly over `all`, beginning with number `turn`; whoever gets nothing is left out.
fn even<T>(room: u32, turn: usize, all: &[T]) -> impl Iterator<Item = (u32, &T)> {
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
    let first = turn % all.len().max(1);
    let (each, rest) = (room / count, room % count);
    all.iter()
        .cycle()
        .skip(first)
        .zip(0..count)
        .take(all.len())
        .map(move |(one, place)| (each + u32::from(place < rest), one))
        .filter(|(share, _)| *share > 0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Tasks of districts: `counts[i]` tasks in district number `i`.
    fn runnable(counts: &[usize]) -> Vec<Runnable> {
        let each = |&count: &usize| {
            let district = DistrictId::fresh();
            (0..count).map(move |_| Runnable { task: TaskId::fresh(), district, wave: None })
        };
        counts.iter().flat_map(each).collect()
    }

    proptest! {
        #[test]
        fn shares_never_exceed_the_room_and_use_all_of_it(
            counts in proptest::collection::vec(1_usize..6, 0..6), room in 0_u32..5_000, turn in 0_usize..100,
        ) {
            let tasks = runnable(&counts);
            let shares = share_out(&tasks, room, turn);
            let sum: u32 = shares.iter().map(|(_, share)| share).sum();
            prop_assert_eq!(sum, if tasks.is_empty() { 0 } else { room });
            prop_assert!(shares.iter().all(|(_, share)| *share > 0));
            let mut ids: Vec<_> = shares.iter().map(|(task, _)| *task).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), shares.len(), "each task once");
        }

        #[test]
        fn districts_and_the_tasks_within_them_differ_by_at_most_one(
            counts in proptest::collection::vec(1_usize..6, 1..6), room in 0_u32..5_000, turn in 0_usize..100,
        ) {
            let tasks = runnable(&counts);
            let shares: HashMap<TaskId, u32> = share_out(&tasks, room, turn).into_iter().collect();
            let share = |task: &TaskId| shares.get(task).copied().unwrap_or(0);
            let districts = by_district(&tasks);
            let spread = |values: Vec<u32>| values.iter().max().unwrap() - values.iter().min().unwrap();
            prop_assert!(spread(districts.iter().map(|ids| ids.iter().map(share).sum()).collect()) <= 1);
            for ids in &districts {
                prop_assert!(spread(ids.iter().map(share).collect()) <= 1);
            }
        }

        #[test]
        fn with_one_place_a_round_everybody_gets_their_turn(
            counts in proptest::collection::vec(1_usize..5, 1..5),
        ) {
            let tasks = runnable(&counts);
            let rounds = counts.len() * counts.iter().max().unwrap();
            let mut served: HashMap<TaskId, u32> = HashMap::new();
            for turn in 0..rounds {
                for (task, share) in share_out(&tasks, 1, turn) {
                    *served.entry(task).or_default() += share;
                }
            }
            prop_assert_eq!(served.len(), tasks.len(), "nobody starves");
        }

        #[test]
        fn the_window_stays_within_its_bounds(
            taken in 0_u32..1_000_000, millis in 0_u64..100_000, min in 1_u32..10_000, more in 0_u32..100_000,
        ) {
            let rate = Throughput::default().observe(taken, Duration::from_millis(millis));
            let window = rate.window(min, min + more);
            prop_assert!((min..=min + more).contains(&window));
        }
    }

    #[test]
    fn the_window_is_two_seconds_of_the_measured_throughput() {
        let round = Duration::from_millis(200);
        let steady = (0..100).fold(Throughput::default(), |rate, _| rate.observe(100, round));
        let window = steady.window(1, 100_000);
        assert!((990..=1_001).contains(&window), "500 a second for two seconds, not {window}");
        let idle = (0..100).fold(steady, |rate, _| rate.observe(0, round));
        assert_eq!(idle.window(256, 8_192), 256);
        assert_eq!(Throughput::default().observe(5, Duration::ZERO), Throughput::default());
    }
}
