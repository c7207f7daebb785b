//! Stops a channel that does not work from burning through everybody's attempts.
//!
//! Closed: everything goes. Open: nothing goes until the wait is over. Then half open: one message goes alone, as a
//! probe; its result closes the breaker or opens it again, and everybody else waits for it.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::metrics;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

/// A provider that asks for a longer pause is asked again earlier.
const LONGEST: Duration = Duration::from_mins(15);

/// What was claimed before the channel went down comes back after this while a probe is under way.
const PROBING: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// Whether the probe is under way.
    HalfOpen {
        probing: bool,
    },
}

/// The breaker of one sender.
#[derive(Debug)]
pub(super) struct Breaker {
    channel: &'static str,
    probe_every: Duration,
    state: watch::Sender<State>,
}

/// What may be sent now.
pub(super) enum Admission {
    /// Everything.
    All,
    /// One message; the rest must ask again when the ticket is gone.
    Probe(Ticket),
    /// Nothing, for this long.
    Nothing(Duration),
}

/// The right to send the one message that tries a channel that was down. Dropping it unused passes the right on.
pub(super) struct Ticket {
    breaker: Arc<Breaker>,
    used: bool,
}

impl Breaker {
    /// A closed breaker; an open one tries again after `probe_every` when the channel does not name a time.
    pub(super) fn new(channel: &'static str, probe_every: Duration) -> Arc<Self> {
        metrics::get().worker.breaker(channel, metrics::Breaker::Closed);
        Arc::new(Self { channel, probe_every, state: watch::Sender::new(State::Closed) })
    }

    /// Resolves when messages may be taken in.
    pub(super) async fn ready(&self) {
        let mut changes = self.state.subscribe();
        loop {
            let state = *changes.borrow_and_update();
            let State::Open { until } = state else { return };
            if until <= Instant::now() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                // The sender lives as long as `self`, so an error cannot happen; looking again is right in any case.
                _ = changes.changed() => {}
            }
        }
    }

    /// Asks what may be sent; waits while a probe is under way.
    pub(super) async fn admit(self: &Arc<Self>) -> Admission {
        let mut changes = self.state.subscribe();
        loop {
            changes.mark_unchanged();
            let now = Instant::now();
            let mut probe = false;
            self.state.send_if_modified(|state| {
                probe = match *state {
                    State::Open { until } => until <= now,
                    State::HalfOpen { probing } => !probing,
                    State::Closed => false,
                };
                if probe {
                    *state = State::HalfOpen { probing: true };
                }
                false
            });
            if probe {
                metrics::get().worker.breaker(self.channel, metrics::Breaker::HalfOpen);
                return Admission::Probe(Ticket { breaker: Arc::clone(self), used: false });
            }
            match *self.state.borrow() {
                State::Closed => return Admission::All,
                State::Open { until } => return Admission::Nothing(until.saturating_duration_since(now)),
                State::HalfOpen { .. } => {}
            }
            if changes.changed().await.is_err() {
                return Admission::All;
            }
        }
    }

    /// How long nothing but a probe may be sent, if that is so.
    pub(super) fn wait(&self) -> Option<Duration> {
        match *self.state.borrow() {
            State::Open { until } => Some(until.saturating_duration_since(Instant::now())),
            State::HalfOpen { .. } => Some(PROBING),
            State::Closed => None,
        }
    }

    /// Opens it, and answers for how long.
    pub(super) fn open(&self, asked: Option<Duration>, reason: &str) -> Duration {
        let wait = asked.unwrap_or(self.probe_every).min(LONGEST);
        let until = Instant::now() + wait;
        self.state.send_modify(|state| {
            let worse = match *state {
                State::Closed => {
                    warn!(channel = self.channel, reason, seconds = wait.as_secs_f64(), "the channel is down: pausing");
                    true
                }
                State::HalfOpen { .. } => true,
                // Others that were under way fail as well; the longest wait holds.
                State::Open { until: known } => until > known,
            };
            if worse {
                *state = State::Open { until };
                metrics::get().worker.breaker(self.channel, metrics::Breaker::Open);
            }
        });
        self.wait().unwrap_or(wait)
    }
}

impl Ticket {
    /// The probe came through.
    pub(super) fn close(mut self) {
        self.used = true;
        info!(channel = self.breaker.channel, "the channel works again");
        self.breaker.state.send_replace(State::Closed);
        metrics::get().worker.breaker(self.breaker.channel, metrics::Breaker::Closed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.used {
            self.breaker.state.send_if_modified(|state| {
                let probing = *state == State::HalfOpen { probing: true };
                if probing {
                    *state = State::HalfOpen { probing: false };
                }
                probing
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const PROBE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn opens_probes_with_one_and_closes() {
        let breaker = Breaker::new("email", PROBE);
        assert!(matches!(breaker.admit().await, Admission::All));
        assert!(breaker.open(None, "refused") <= PROBE);
        assert!(matches!(breaker.admit().await, Admission::Nothing(wait) if wait <= PROBE));
        assert!(breaker.ready().now_or_never().is_none());
        breaker.ready().await;
        let Admission::Probe(ticket) = breaker.admit().await else { panic!("a probe is due") };
        assert!(breaker.admit().now_or_never().is_none(), "everybody else waits for the probe");
        drop(ticket);
        let Admission::Probe(ticket) = breaker.admit().await else { panic!("the right was passed on") };
        let waiting = breaker.admit();
        ticket.close();
        assert!(matches!(waiting.await, Admission::All));
    }

    #[tokio::test]
    async fn a_failed_probe_opens_again_and_the_longest_wait_holds() {
        let breaker = Breaker::new("sms", PROBE);
        breaker.open(None, "429");
        breaker.ready().await;
        let Admission::Probe(ticket) = breaker.admit().await else { panic!("a probe is due") };
        let waiting = breaker.admit();
        let longest = breaker.open(Some(Duration::MAX), "429");
        assert!(longest <= LONGEST && longest > LONGEST / 2);
        drop(ticket);
        assert!(matches!(waiting.await, Admission::Nothing(wait) if wait > PROBE));
        assert!(breaker.open(None, "another one under way") > PROBE);
    }
}
