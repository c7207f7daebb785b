//! One leader at a time: the scheduler's loops run in the process that holds a lease, on the database's clock.
//!
//! The lease spares work, it does not protect anything: every step of every loop is a guarded transition, so two
//! leaders for a moment are harmless.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::error::LedgerError;
use keybell_shared::metrics;
use keybell_shared::ports::ledger::LeaderLedger;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::outage::Outage;

/// The name of the lease.
const LEASE: &str = "scheduler";

/// How long the loops may take to finish the round in hand before they are dropped.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// The seat that one process holds at a time.
pub(crate) struct Seat<L: ?Sized> {
    /// Where the lease is.
    pub(crate) ledger: Arc<L>,
    /// The name of this process; unique.
    pub(crate) holder: String,
    /// How long the lease lasts.
    pub(crate) ttl: Duration,
}

/// Why a tenure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// This process stops.
    Stop,
    /// The lease was not prolonged in time, or somebody else has it.
    Lost,
    /// A loop ended by itself, which only a defect can cause.
    Broken,
}

impl<L: LeaderLedger + ?Sized> Seat<L> {
    /// Tries to lead until `soft`. Whenever this process leads, `start` starts the loops; they end with the token that
    /// it is given, when the lease is lost or `soft` comes.
    pub(crate) async fn hold(&self, soft: CancellationToken, start: impl Fn(CancellationToken) -> JoinSet<()> + Send) {
        let mut outage = Outage::new("leader");
        while !soft.is_cancelled() {
            // An answer that comes after the lease's end is worth nothing.
            let answer = tokio::select! {
                () = soft.cancelled() => return,
                answer = timeout(self.ttl, self.ledger.lead(LEASE, &self.holder, self.ttl)) => answer,
            };
            let late = || LedgerError::Unavailable("no answer within the lease".to_owned());
            let pause = match answer.unwrap_or_else(|_| Err(late())) {
                Ok(true) => {
                    outage.over();
                    self.tenure(&soft, &start).await;
                    self.ttl / 3
                }
                Ok(false) => {
                    outage.over();
                    self.ttl / 3
                }
                Err(error) => outage.failed(&error.into()),
            };
            tokio::select! {
                () = soft.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Runs the loops while the lease holds.
    async fn tenure(&self, soft: &CancellationToken, start: &(impl Fn(CancellationToken) -> JoinSet<()> + Send)) {
        tracing::info!(holder = %self.holder, "this process leads the scheduler");
        metrics::get().scheduler.leads(true);
        let token = soft.child_token();
        let mut loops = start(token.clone());
        let end = loop {
            tokio::select! {
                () = soft.cancelled() => break End::Stop,
                Some(ended) = loops.join_next() => {
                    if !soft.is_cancelled() {
                        tracing::error!(panicked = ended.is_err(), "a scheduler loop ended by itself; all are restarted");
                    }
                    break End::Broken;
                }
                held = self.prolong() => if !held {
                    break End::Lost;
                },
            }
        };
        token.cancel();
        let finished = timeout(STOP_WITHIN, async { while loops.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!("a scheduler loop did not end in time and is dropped; the ledger stays right");
            loops.shutdown().await;
        }
        metrics::get().scheduler.leads(false);
        self.leave(end).await;
    }

    /// Waits a third of the lease and prolongs it. Answers whether it still holds: a lease whose end is near and that
    /// could not be prolonged is given up, because time passes for the others too.
    async fn prolong(&self) -> bool {
        let renewed = async {
            sleep(self.ttl / 3).await;
            loop {
                match self.ledger.lead(LEASE, &self.holder, self.ttl).await {
                    Ok(held) => return held,
                    Err(error) => {
                        tracing::debug!(%error, "the lease could not be prolonged");
                        sleep(self.ttl / 10).await;
                    }
                }
            }
        };
        // A sixth is the margin for the way to the database and back, which counts towards the lease.
        timeout(self.ttl * 5 / 6, renewed).await.unwrap_or(false)
    }

    /// Gives the lease back, so that the next leader need not wait for its end.
    async fn leave(&self, end: End) {
        match end {
            End::Lost => tracing::warn!(holder = %self.holder, "the lease was lost; another process may lead now"),
            End::Stop | End::Broken => match timeout(self.ttl, self.ledger.resign(LEASE, &self.holder)).await {
                Ok(Ok(())) => tracing::info!(holder = %self.holder, "this process no longer leads the scheduler"),
                Ok(Err(error)) => tracing::debug!(%error, "the lease could not be given back; it ends by itself"),
                Err(_) => tracing::debug!("the lease could not be given back in time; it ends by itself"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
