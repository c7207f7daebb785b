//! What everybody who asks has in common: the plan, the districts, the doors, the book, and when to stop.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::LoadPlan;
use super::amqp::Producer;
use super::book::Book;
use super::dice::Dice;
use super::doors::Doors;
use super::people::{PRODUCING, Town};

/// A final state of a task, as the API writes it.
const FINAL: [&str; 4] = ["completed", "completed_with_errors", "cancelled", "failed"];

/// Whether a task's state is final.
pub(super) fn is_final(state: &str) -> bool {
    FINAL.contains(&state)
}

/// What everybody who asks has in common.
pub(super) struct Ground {
    pub(super) plan: LoadPlan,
    pub(super) towns: Vec<Town>,
    pub(super) doors: Doors,
    pub(super) amqp: Option<Producer>,
    pub(super) book: Book,
    pub(super) pace: Pace,
    stop: watch::Sender<Option<Stopwatch>>,
    /// Those who look after single tasks.
    hands: Mutex<JoinSet<()>>,
}

impl Ground {
    pub(super) fn new(plan: LoadPlan, towns: Vec<Town>, doors: Doors, amqp: Option<Producer>) -> Self {
        let pace = Pace::new(plan.accounts_per_second);
        let (book, stop) = (Book::default(), watch::Sender::new(None));
        Self { plan, towns, doors, amqp, book, pace, stop, hands: Mutex::default() }
    }

    /// The draws for one decision.
    pub(super) fn dice(&self, what: &str) -> Dice {
        Dice::new(self.plan.seed, what)
    }

    /// From now on nothing new is asked.
    pub(super) fn stop(&self) {
        self.stop.send_replace(Some(Stopwatch::start()));
    }

    /// Whether nothing new is asked any more.
    pub(super) fn stops(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Whether what has no answer is given up: every service has been back for long enough.
    pub(super) fn gives_up(&self) -> bool {
        self.stop.borrow().is_some_and(|since| since.elapsed() > self.plan.patience)
    }

    /// Waits for this long, or until nothing new is asked. Answers whether there is more to ask.
    pub(super) async fn rest(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.until_stop() => {}
            () = tokio::time::sleep(time) => {}
        }
        !self.stops()
    }

    /// Waits until nothing new is asked.
    pub(super) async fn until_stop(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as this.
        drop(stop.wait_for(Option::is_some).await);
    }

    /// Waits until somebody has seen the task's end, at most this long, and until nothing new is asked.
    pub(super) async fn await_end(&self, task: TaskId, at_most: Duration) {
        tokio::select! {
            () = self.book.until_ended(task) => {}
            _ = self.rest(at_most) => {}
        }
    }

    /// Has something done beside.
    pub(super) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    }

    /// Waits for everything that is done beside.
    pub(super) async fn join(&self) {
        loop {
            let mut hands = std::mem::take(&mut *self.hands.lock().unwrap_or_else(PoisonError::into_inner));
            if hands.is_empty() {
                return;
            }
            while let Some(ended) = hands.join_next().await {
                if let Err(error) = ended {
                    self.book.odd(format!("the load itself broke: {error}"));
                }
            }
        }
    }

    /// The application at the AMQP door, if it speaks for this district.
    pub(super) fn producer_of(&self, district: usize) -> Option<&Producer> {
        self.amqp.as_ref().filter(|_| district == PRODUCING)
    }
}

/// Holds back requests, so that no more accounts are asked for in a second than the machine can bear.
pub(super) struct Pace {
    per_second: f64,
    watch: Stopwatch,
    /// When the next request may come, in seconds of the watch.
    next: Mutex<f64>,
}

impl Pace {
    fn new(per_second: f64) -> Self {
        Self { per_second: per_second.max(0.1), watch: Stopwatch::start(), next: Mutex::new(0.0) }
    }

    /// How long a request for so many accounts has to wait.
    pub(super) fn wait(&self, accounts: usize) -> Duration {
        let now = self.watch.elapsed().as_secs_f64();
        let cost = f64::from(u32::try_from(accounts).unwrap_or(u32::MAX)) / self.per_second;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = next.max(now);
        *next = mine + cost;
        Duration::from_secs_f64(mine - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_holds_back_what_comes_after_a_large_request() {
        let pace = Pace::new(10.0);
        assert!(pace.wait(20) < Duration::from_millis(5), "the first one goes at once");
        let second = pace.wait(1);
        assert!(second > Duration::from_millis(1_900) && second <= Duration::from_secs(2), "{second:?}");
        assert!(pace.wait(1) > second);
    }
}
