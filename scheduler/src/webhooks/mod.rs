//! Webhooks: from an event to a signed message that an upstream application took.
//!
//! `hand_out` writes one message per event and endpoint; `deliver` claims what is due, signs and sends it, and stores
//! what became of it; `sweep` drops what waited for too long. All three run in the leader, independent of the relay to
//! the broker. [`Desk`] manages the endpoints.

mod deliver;
mod desk;
mod hand_out;
mod judge;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::config;
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::ports::webhooks::WebhookSender;
use keybell_shared::webhook::WebhookKey;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use desk::Desk;

use crate::every::every;
use crate::pulse::WokenBy;
use crate::wake::Wake;

/// How often old messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// What the scheduler needs for webhooks.
#[derive(Clone)]
pub struct WebhookParts {
    /// The way out.
    pub sender: Arc<dyn WebhookSender>,
    /// The master key; without it messages wait.
    pub key: Option<Arc<WebhookKey>>,
    /// Waits and limits.
    pub config: config::Webhooks,
}

/// Starts the loops of the webhooks: the delivery looks every `interval`, the hand-out rarely, or when something waits.
pub(crate) fn start(
    parts: &WebhookParts,
    ledger: &Arc<dyn Ledger>,
    interval: Duration,
    rarely: Duration,
    waiting: Wake,
    loops: &mut JoinSet<()>,
    stop: &CancellationToken,
) {
    let written = Wake::default();
    let keep = parts.config.keep;
    let hand_out = hand_out::HandOut { ledger: Arc::clone(ledger), keep, written: written.clone() };
    let sweep = sweep::Sweep { ledger: Arc::clone(ledger), keep };
    let deliver = deliver::Deliver::new(Arc::clone(ledger), parts.clone(), written);
    loops.spawn(every(rarely, WokenBy(waiting, hand_out), stop.clone()));
    loops.spawn(every(SWEEP_EVERY, sweep, stop.clone()));
    loops.spawn(deliver.run(interval, stop.clone()));
}
