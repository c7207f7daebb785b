//! The front half of Keybell: from a request to a message per account, and from the last item to a closed task.
//!
//! # The way of a request
//!
//! 1. [`intake`] checks a request, from whichever door it came (HTTP, AMQP, command line), and has the ledger accept it
//!    as a task. Whoever repeats a request with the same key gets the same task.
//! 2. `expand` has the ledger write down the task's accounts as items, chunk by chunk. Ineligible accounts become
//!    skipped items at once. A large task then waits for a second person, where that is configured.
//! 3. `dispatch` keeps a bounded `window` of items on the reset queue, about two seconds of the fleet's measured
//!    throughput, shared out over districts, then tasks.
//! 4. The workers, in another room, change the passwords and tell the people.
//! 5. `project` shows the progress on the board; `finish` closes tasks without an open item; `relay` hands domain
//!    events on; `audit` chains the audit rows.
//! 6. `repair` brings back what a crash left behind, and what has become due: retries are sent because it finds them.
//!
//! [`control`] approves, pauses, resumes and cancels. `plans` forgets trial runs that nobody may start any more.
//!
//! Most loops find nothing most of the time, so one look (`pulse`) wakes those that are wanted; each scans by itself every few
//! seconds.
//!
//! Every loop is an `every::Round`: one small step that is safe to repeat and safe to leave out, because the ledger
//! changes a state only by a guarded transition. One process of many runs them, the one that holds the lease
//! (`leader`); the AMQP door is open in all of them.
//!
//! Start with [`run`].

mod audit;
pub mod control;
mod dispatch;
mod every;
mod expand;
mod finish;
pub mod intake;
mod leader;
mod measure;
mod outage;
mod plans;
mod project;
mod pulse;
mod relay;
mod repair;
#[cfg(test)]
mod testing;
mod traces;
mod wake;
mod waves;
pub mod webhooks;
mod window;

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::config;
use keybell_shared::ports::board::Board;
use keybell_shared::ports::events::EventSink;
use keybell_shared::ports::ledger::{Expansion, Ledger};
use keybell_shared::ports::queue::WorkQueue;
use keybell_shared::ports::requests::RequestQueue;
use keybell_shared::seal::SealKey;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use wake::Wake;

use crate::every::every;
use crate::intake::Intake;
use crate::pulse::{Look, Wakes, WokenBy};

/// The longest time between two rounds of a loop that is woken, so that events end sessions in time also while nobody wakes it.
const RARELY: Duration = Duration::from_mins(1);

/// How often audit rows are chained.
const CHAIN_EVERY: Duration = Duration::from_secs(1);

/// Everything that the scheduler is made of.
#[derive(Clone)]
pub struct SchedulerParts {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// The work queues.
    pub queue: Arc<dyn WorkQueue>,
    /// The live progress view.
    pub board: Arc<dyn Board>,
    /// Where domain events go.
    pub events: Arc<dyn EventSink>,
    /// The AMQP door, if it is open.
    pub requests: Option<Arc<dyn RequestQueue>>,
    /// Where webhooks go; without it events wait for a process that has it.
    pub webhooks: Option<webhooks::WebhookParts>,
    /// The reset workers' public key, which shared passwords are sealed to.
    pub reset_key: Option<Arc<SealKey>>,
    /// What requests leave open about the new passwords.
    pub passwords: config::Passwords,
    /// Where one-time links lead; without, requests that need them are refused.
    pub links: config::Links,
    /// The loops' configuration.
    pub config: config::Scheduler,
    /// When nothing is handed out.
    pub blackout: config::Blackout,
    /// Deadlines, leases and retries.
    pub timing: config::Timing,
    /// The name of this process: it holds the lease and counts under it. Unique among all processes.
    pub holder: String,
    /// Nudges the expansion. Give a clone to an [`Intake`] of the same process; otherwise leave it at its default.
    pub wake: Wake,
    /// Whether the queue lives in this process and so began empty with it: then everything that the ledger notes as
    /// queued is brought again at once, without the grace that a broker is given.
    pub queue_is_new: bool,
}

/// Runs the scheduler until `soft` is cancelled: the AMQP door at once, the loops whenever this process leads.
/// Finishes what is in hand and gives the lease back.
pub async fn run(parts: SchedulerParts, soft: CancellationToken) {
    let door = amqp_door(&parts, soft.clone());
    let seat =
        leader::Seat { ledger: Arc::clone(&parts.ledger), holder: parts.holder.clone(), ttl: parts.config.leader_ttl };
    let loops = seat.hold(soft, |stop| start(&parts, &stop));
    tokio::join!(door, loops);
}

/// The AMQP door, if it is open.
async fn amqp_door(parts: &SchedulerParts, soft: CancellationToken) {
    let Some(requests) = parts.requests.clone() else { return };
    let intake = Intake::new(Arc::clone(&parts.ledger), parts.reset_key.clone())
        .configured(parts.passwords.clone())
        .linking(parts.links.clone())
        .waking(parts.wake.clone());
    let ledger: Arc<dyn Ledger> = Arc::clone(&parts.ledger);
    intake::amqp::run(requests, ledger, Arc::new(intake), soft).await;
}

/// Starts every loop of the leader.
fn start(parts: &SchedulerParts, stop: &CancellationToken) -> JoinSet<()> {
    let SchedulerParts { ledger, queue, config, .. } = parts;
    let writer = || parts.holder.clone();
    let ready = Wake::default();
    let nudge = Wakes { expand: parts.wake.clone(), ..Wakes::default() };
    let expand = expand::Expand {
        ledger: Arc::clone(ledger),
        writer: writer(),
        how: Expansion { size: config.chunk, approval_above: config.approval_above },
        accepted: parts.wake.clone(),
        ready: ready.clone(),
    };
    let waves = waves::Waves { ledger: Arc::clone(ledger), ready: ready.clone() };
    let dispatch =
        dispatch::Dispatch::new(Arc::clone(ledger), Arc::clone(queue), config.window_min, config.window_max, ready)
            .outside(parts.blackout.windows.clone());
    let repair = repair::Repair::new(
        Arc::clone(ledger),
        Arc::clone(queue),
        writer(),
        config.grace,
        parts.timing.retry(),
        parts.queue_is_new,
    );
    let project = project::Project::new(Arc::clone(ledger), Arc::clone(&parts.board));
    let finish = finish::Finish { ledger: Arc::clone(ledger) };
    let relay = relay::Relay { ledger: Arc::clone(ledger), sink: Arc::clone(&parts.events) };
    let audit = audit::Audit { ledger: Arc::clone(ledger) };

    let mut loops = JoinSet::new();
    // The look says when there is something for those that scan rarely.
    let rarely = config.scan_every.min(RARELY).max(config.dispatch_every);
    let look = Look { ledger: Arc::clone(ledger), wakes: nudge.clone() };
    loops.spawn(every(config.dispatch_every.min(config.project_every), look, stop.clone()));
    loops.spawn(every(rarely, expand, stop.clone()));
    loops.spawn(every(config.dispatch_every, dispatch, stop.clone()));
    loops.spawn(every(config.scan_every, repair, stop.clone()));
    loops.spawn(every(config.project_every, project, stop.clone()));
    loops.spawn(every(rarely, WokenBy(nudge.waves, waves), stop.clone()));
    loops.spawn(every(rarely, WokenBy(nudge.finish, finish), stop.clone()));
    loops.spawn(every(rarely, WokenBy(nudge.relay, relay), stop.clone()));
    loops.spawn(every(CHAIN_EVERY, audit, stop.clone()));
    loops.spawn(every(plans::EVERY, plans::Plans { ledger: Arc::clone(ledger) }, stop.clone()));
    let measure = measure::Measure { ledger: Arc::clone(ledger), queue: Arc::clone(queue) };
    loops.spawn(every(measure::EVERY, measure, stop.clone()));
    if let Some(parts) = &parts.webhooks {
        webhooks::start(parts, ledger, config.dispatch_every, rarely, nudge.hand_out, &mut loops, stop);
    }
    loops
}

#[cfg(test)]
mod tests;
