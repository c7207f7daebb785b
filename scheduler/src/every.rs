//! "Run this every so often": the one loop that every part of the scheduler uses.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::Stopwatch;
use keybell_shared::metrics;
use tokio_util::sync::CancellationToken;

use crate::outage::{Failure, Outage};

/// The shortest pause between a round that found nothing more and one that was woken: however often a loop is nudged,
/// it does not spin.
const BREATH: Duration = Duration::from_millis(5);

/// What a round says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// There is more to do: again, at once.
    Again,
    /// Nothing more for now: after the interval, or when woken.
    Rest,
}

/// A job that is done in rounds. Each round is safe to repeat and safe to leave out.
#[async_trait]
pub(crate) trait Round: Send + Sync {
    /// The name in the log.
    fn name(&self) -> &'static str;

    /// Does what there is to do.
    async fn round(&mut self) -> Result<Pace, Failure>;

    /// Resolves when the next round should come before its interval. Never, if the job does not say otherwise.
    async fn woken(&self) {
        std::future::pending::<()>().await;
    }
}

/// Runs the job until `stop`; the round in hand is always finished. After a failure the next round waits, longer each
/// time, and nothing wakes it earlier.
pub(crate) async fn every(interval: Duration, mut job: impl Round, stop: CancellationToken) {
    let mut outage = Outage::new(job.name());
    while !stop.is_cancelled() {
        let watch = Stopwatch::start();
        let round = job.round().await;
        metrics::get().scheduler.round(job.name(), round.is_ok(), watch.elapsed().as_secs_f64());
        match round {
            Ok(pace) => {
                outage.over();
                if pace == Pace::Again {
                    tokio::task::yield_now().await;
                } else {
                    rest(interval, &job, &stop).await;
                }
            }
            Err(failure) => {
                let pause = outage.failed(&failure);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

/// Waits for the interval, a nudge or the end.
async fn rest(interval: Duration, job: &impl Round, stop: &CancellationToken) {
    let nudged = async {
        tokio::time::sleep(BREATH.min(interval)).await;
        job.woken().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(interval) => {}
        () = nudged => {}
    }
}

#[cfg(test)]
mod tests {

    use keybell_shared::error::LedgerError;
    use tokio::sync::mpsc;

    use super::*;
    use crate::wake::Wake;

    /// Answers from a script, then rests; tells each round.
    struct Scripted {
        script: std::vec::IntoIter<Result<Pace, Failure>>,
        rounds: mpsc::UnboundedSender<usize>,
        done: usize,
        wake: Wake,
    }

    #[async_trait]
    impl Round for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        async fn round(&mut self) -> Result<Pace, Failure> {
            self.done += 1;
            self.rounds.send(self.done).unwrap();
            self.script.next().unwrap_or(Ok(Pace::Rest))
        }

        async fn woken(&self) {
            self.wake.woken().await;
        }
    }

    #[tokio::test]
    async fn it_goes_on_after_failures_hurries_when_there_is_more_and_ends_on_the_token() {
        let (rounds, mut seen) = mpsc::unbounded_channel();
        let wake = Wake::default();
        let away = Failure::from(LedgerError::Unavailable("away".into()));
        let script = vec![Ok(Pace::Again), Err(away), Ok(Pace::Again), Ok(Pace::Rest)].into_iter();
        let stop = CancellationToken::new();
        let job = Scripted { script, rounds, done: 0, wake: wake.clone() };
        // The interval is far longer than the test: only `Again`, the pause after a failure and the nudge move it on.
        let running = tokio::spawn(every(Duration::from_hours(1), job, stop.clone()));
        for expected in 1..=4 {
            assert_eq!(seen.recv().await, Some(expected));
        }
        wake.wake();
        assert_eq!(seen.recv().await, Some(5));
        stop.cancel();
        running.await.unwrap();
        assert_eq!(seen.recv().await, None, "no round after the end");
    }
}
