//! One look for all: which of the leader's loops have something to do.
//!
//! Most loops find nothing most of the time. Instead of asking the ledger five things five times a second, one statement looks for
//! all of them and wakes those that are wanted; each still looks for itself every few seconds, so that a nudge that goes
//! astray costs time and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::ports::ledger::{LeaderLedger, Pulse};

use crate::every::{Pace, Round};
use crate::outage::Failure;
use crate::wake::Wake;

/// Whom a look can wake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) expand: Wake,
    pub(crate) waves: Wake,
    pub(crate) finish: Wake,
    pub(crate) relay: Wake,
    pub(crate) hand_out: Wake,
}

/// The look.
pub(crate) struct Look<L: ?Sized> {
    /// What is looked at.
    pub(crate) ledger: Arc<L>,
    /// Who is woken.
    pub(crate) wakes: Wakes,
}

#[async_trait]
impl<L: LeaderLedger + ?Sized> Round for Look<L> {
    fn name(&self) -> &'static str {
        "pulse"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let answer = self.ledger.pulse().await;
        // Without an answer everybody looks for themselves.
        let Pulse { expanding, waves, closable, unsent, not_handed_out } = *answer.as_ref().unwrap_or(&Pulse::ALL);
        let Wakes { expand, waves: turn, finish, relay, hand_out } = &self.wakes;
        let wanted =
            [(expanding, expand), (waves, turn), (closable, finish), (unsent, relay), (not_handed_out, hand_out)];
        for (_, wake) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            wake.wake();
        }
        answer.map(|_| Pace::Rest).map_err(Failure::from)
    }
}

/// A job that is also woken by a look.
pub(crate) struct WokenBy<J>(pub(crate) Wake, pub(crate) J);

#[async_trait]
impl<J: Round> Round for WokenBy<J> {
    fn name(&self) -> &'static str {
        self.1.name()
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        self.1.round().await
    }

    async fn woken(&self) {
        tokio::select! {
            () = self.0.woken() => {}
            () = self.1.woken() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use keybell_shared::error::LedgerError;
    use keybell_shared::ports::ledger::LedgerResult;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::every::every;

    struct Knows(LedgerResult<Pulse>);

    #[async_trait]
    impl LeaderLedger for Knows {
        async fn lead(&self, _: &str, _: &str, _: Duration) -> LedgerResult<bool> {
            Ok(true)
        }

        async fn resign(&self, _: &str, _: &str) -> LedgerResult<()> {
            Ok(())
        }

        async fn pulse(&self) -> LedgerResult<Pulse> {
            self.0.clone()
        }

        async fn ping(&self) -> LedgerResult<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_look_wakes_those_for_whom_something_waits_and_nobody_else() {
        let nothing = Pulse { expanding: false, waves: false, closable: false, unsent: false, not_handed_out: false };
        let cases = [
            (Ok(Pulse { expanding: true, ..nothing }), [true, false, false, false, false]),
            (Ok(Pulse { waves: true, ..nothing }), [false, true, false, false, false]),
            (Ok(Pulse { closable: true, ..nothing }), [false, false, true, false, false]),
            (Ok(Pulse { unsent: true, ..nothing }), [false, false, false, true, false]),
            (Ok(Pulse { not_handed_out: true, ..nothing }), [false, false, false, false, true]),
            (Ok(Pulse::ALL), [true; 5]),
            (Ok(nothing), [false; 5]),
            (Err(LedgerError::Unavailable("away".to_owned())), [true; 5]),
        ];
        for (pulse, expected) in cases {
            let wakes = Wakes::default();
            let mut look = Look { ledger: Arc::new(Knows(pulse.clone())), wakes: wakes.clone() };
            assert_eq!(look.round().await.ok(), pulse.as_ref().ok().map(|_| Pace::Rest));
            let Wakes { expand, waves, finish, relay, hand_out } = wakes;
            let woken = [expand, waves, finish, relay, hand_out].map(|wake| wake.woken().now_or_never().is_some());
            assert_eq!(woken, expected, "{pulse:?}");
        }
    }

    /// Tells each round, and is woken by itself as well.
    struct Job(mpsc::UnboundedSender<()>, Wake);

    #[async_trait]
    impl Round for Job {
        fn name(&self) -> &'static str {
            "job"
        }

        async fn round(&mut self) -> Result<Pace, Failure> {
            self.0.send(()).unwrap();
            Ok(Pace::Rest)
        }

        async fn woken(&self) {
            self.1.woken().await;
        }
    }

    #[tokio::test]
    async fn a_job_is_woken_by_a_look_and_by_itself() {
        let (rounds, mut seen) = mpsc::unbounded_channel();
        let (look, own, stop) = (Wake::default(), Wake::default(), CancellationToken::new());
        let job = WokenBy(look.clone(), Job(rounds, own.clone()));
        // The interval is far longer than the test.
        let running = tokio::spawn(every(Duration::from_hours(1), job, stop.clone()));
        assert_eq!(seen.recv().await, Some(()));
        for wake in [&look, &own, &look] {
            wake.wake();
            assert_eq!(seen.recv().await, Some(()));
        }
        stop.cancel();
        running.await.unwrap();
        assert_eq!(seen.recv().await, None, "one round for each nudge");
    }
}
