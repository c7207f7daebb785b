//! The two notification stages: claim, open, write, send, record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use keybell_shared::clock::{Stopwatch, wall};
use keybell_shared::config::{Links, Timing};
use keybell_shared::error::LedgerError;
use keybell_shared::fault::{self, Mechanism, Window};
use keybell_shared::ids::NotificationId;
use keybell_shared::link::Seed;
use keybell_shared::message::{Message, Work};
use keybell_shared::metrics::{self, Outcome};
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{Claim, Claimed, NoticeLedger, ResetLedger, SendOutcome, SendReport};
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::request::Delivery;
use keybell_shared::retry::{MAX_ATTEMPTS, delay_after};
use keybell_shared::seal::{Binding, KeyRing};
use keybell_shared::trace::{self, TARGET};
use keybell_shared::verdict::Verdict;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, mpsc};
use tracing::field::Empty;
use tracing::{Instrument as _, debug, error};

use super::ahead::{Ahead, Place};
use super::breaker::{Admission, Breaker, Ticket};
use super::record::{Fates, Finished, Recorder, Traces, verdict_of};
use super::render::Renderer;
use super::sending::Sending;
use super::template::TemplateError;
use super::{Outgoing, Sender, Sent, clean};
use crate::harness::{BatchRule, Handler};

/// How long the first message of a batch waits for more. Nobody notices, and ten messages cost the ledger little more than
/// one.
const GATHER: Duration = Duration::from_millis(50);
/// The most messages of one batch, which is claimed at once.
const BATCH: usize = 64;
/// Batches at a time: while one is sent, others are claimed and stored.
const BATCHES: usize = 4;
/// Messages of one batch for each connection, at most. With a server that takes every message to its deadline, a
/// delivery is then settled long before the broker takes it back (after 30 minutes).
const EACH: usize = 16;

/// The wait of a message whose link leads nowhere, because this process is not configured for links.
const NO_URL: Duration = Duration::from_mins(1);

/// What a notification stage is made of.
pub struct Parts {
    /// The channel whose queue is served.
    pub channel: Channel,
    /// Claims and results.
    pub notices: Arc<dyn NoticeLedger>,
    /// Takes back notes of publications that failed.
    pub resets: Arc<dyn ResetLedger>,
    /// Where notifications that become due are published.
    pub queue: Arc<dyn WorkQueue>,
    /// Opens sealed passwords.
    pub open_key: Arc<KeyRing>,
    /// The way out.
    pub sender: Arc<dyn Sender>,
    /// Where one-time links lead.
    pub links: Links,
    /// Deadlines, leases and retries.
    pub timing: Timing,
    /// Messages that are sent at a time.
    pub connections: usize,
    /// Messages that are being sent, or were sent while their result is not stored yet. A crash repeats at most so many.
    pub slots: usize,
    /// This process's name in the ledger.
    pub writer: String,
}

/// A notification stage, for the harness.
///
/// # Errors
/// When a message template makes no sense.
pub fn handler(parts: Parts) -> Result<Arc<dyn Handler>, TemplateError> {
    let (connections, slots) = (parts.connections.max(1), parts.slots.max(1));
    Ok(Arc::new(Notifier {
        breaker: Breaker::new(parts.channel.as_str(), parts.timing.probe),
        renderer: Renderer::compiled()?,
        ahead: Ahead::new(connections, parts.timing.lease, cut(&parts.timing)),
        connections: Semaphore::new(connections),
        slots: Semaphore::new(slots),
        sending: Sending::new(),
        parts,
    }))
}

/// After this a sending is cut off. A sender keeps its own deadline and knows best what a missed one means; this is for
/// one that does not.
fn cut(timing: &Timing) -> Duration {
    timing.send_deadline + timing.send_deadline / 4
}

struct Notifier {
    parts: Parts,
    breaker: Arc<Breaker>,
    renderer: Renderer,
    ahead: Ahead,
    connections: Semaphore,
    slots: Semaphore,
    sending: Sending,
}

#[async_trait]
impl Handler for Notifier {
    fn source(&self) -> Source {
        Source::Stage(self.parts.channel.stage())
    }

    fn prefetch(&self) -> u16 {
        // Several batches at a time, so that one slow recipient does not hold up everybody.
        u16::try_from(self.batch().max * BATCHES).unwrap_or(u16::MAX)
    }

    fn batch(&self) -> BatchRule {
        BatchRule { max: (self.parts.connections.max(1) * EACH).min(BATCH), wait: GATHER }
    }

    async fn ready(&self) {
        self.breaker.ready().await;
    }

    async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict> {
        let mut fates = Fates::default();
        let place = |message: &Message| Some((self.ours(message)?, (message.task, message.trace?)));
        let traces: Traces = batch.iter().filter_map(place).collect();
        let mut open: Vec<NotificationId> = batch.iter().filter_map(|message| self.ours(message)).collect();
        open.sort_unstable();
        open.dedup();
        while !open.is_empty() {
            match self.breaker.admit().await {
                Admission::All => {
                    let places = self.ahead.take(open.len()).await;
                    // The channel may have gone down while we waited.
                    if self.breaker.wait().is_none() {
                        let next: Vec<_> = open.drain(..places.len()).collect();
                        self.round(&next, places, None, &traces, &mut fates).await;
                    }
                }
                Admission::Probe(ticket) => {
                    let first: Vec<_> = open.drain(..1).collect();
                    self.round(&first, Vec::new(), Some(ticket), &traces, &mut fates).await;
                }
                Admission::Nothing(wait) => {
                    self.count(Outcome::Deferred, open.len());
                    let verdict = match self.parts.notices.defer(&open, wait).await {
                        Ok(()) => Verdict::Done,
                        Err(error) => verdict_of(&error),
                    };
                    fates.extend(open.drain(..).map(|id| (id, verdict.clone())));
                }
            }
        }
        let answer = |message: &Message| match self.ours(message) {
            Some(id) => fates.get(&id).cloned().unwrap_or(Verdict::Done),
            None => Verdict::GiveUp(format!("this is no work for the {} stage", self.parts.channel.stage())),
        };
        batch.iter().map(answer).collect()
    }
}

impl Notifier {
    /// The notification that a message means, if it is one of this stage.
    fn ours(&self, message: &Message) -> Option<NotificationId> {
        match (message.work, self.parts.channel) {
            (Work::Email(id), Channel::Email) | (Work::Sms(id), Channel::Sms) => Some(id),
            (Work::Reset(_) | Work::Email(_) | Work::Sms(_), _) => None,
        }
    }

    /// Claims, sends and records some notifications; a defective one does not spoil the others.
    async fn round(
        &self,
        ids: &[NotificationId],
        places: Vec<Place<'_>>,
        ticket: Option<Ticket>,
        traces: &Traces,
        fates: &mut Fates,
    ) {
        // Started before the ledger starts its own: ours never lasts longer.
        let lease = Stopwatch::start();
        match self.parts.notices.claim(&self.parts.writer, ids, self.parts.timing.lease).await {
            Ok(claimed) => self.send_all(claimed, places, lease, ticket, traces, fates).await,
            Err(LedgerError::Defect(_)) if ids.len() > 1 => {
                for &id in ids {
                    let lease = Stopwatch::start();
                    match self.parts.notices.claim(&self.parts.writer, &[id], self.parts.timing.lease).await {
                        Ok(claimed) => self.send_all(claimed, Vec::new(), lease, None, traces, fates).await,
                        Err(error) => {
                            fates.insert(id, verdict_of(&error));
                        }
                    }
                }
            }
            Err(error) => fates.extend(ids.iter().map(|&id| (id, verdict_of(&error)))),
        }
    }

    /// Sends what was claimed, while the results of those that are finished are already stored.
    async fn send_all(
        &self,
        claimed: Vec<Claimed>,
        places: Vec<Place<'_>>,
        lease: Stopwatch,
        ticket: Option<Ticket>,
        traces: &Traces,
        fates: &mut Fates,
    ) {
        self.count(Outcome::Skipped, claimed.iter().filter(|one| matches!(one, Claimed::Nothing(_))).count());
        let _claims = self.sending.claims(claimed.iter().filter(|one| matches!(one, Claimed::Send(_))).count());
        let (results, mut finished) = mpsc::unbounded_channel();
        let (mut ticket, mut places) = (ticket, places.into_iter());
        let claims = claimed.into_iter().filter_map(|claimed| match claimed {
            Claimed::Send(claim) => Some(claim),
            Claimed::Nothing(_) => None,
        });
        let mut sending: FuturesUnordered<_> =
            claims.map(|claim| self.traced(claim, places.next(), lease, ticket.take(), traces)).collect();
        // A ticket that nobody needed passes the probe on, and places that nobody needed let others claim.
        drop((ticket, places));
        let send = async move {
            while let Some(report) = sending.next().await {
                // The other end lives in the same join and reads to the end.
                if let Some(finished) = report
                    && results.send(finished).is_err()
                {
                    break;
                }
            }
        };
        let recorder = Recorder { parts: &self.parts, sending: &self.sending, lease, traces };
        let ((), ()) = tokio::join!(send, recorder.run(&mut finished, fates));
    }

    /// One attempt, counted and as a span of its message's trace.
    async fn traced(
        &self,
        claim: Box<Claim>,
        place: Option<Place<'_>>,
        lease: Stopwatch,
        ticket: Option<Ticket>,
        traces: &Traces,
    ) -> Option<Finished<'_>> {
        let span = trace::child(traces.get(&claim.notification).map(|(_, place)| *place), || {
            tracing::info_span!(target: TARGET, "deliver", notification = %claim.notification, task = %claim.task,
                attempt = claim.attempt, outcome = Empty, trace_id = Empty)
        });
        let (attempt, changed_at) = (claim.attempt, claim.content.changed_at);
        let finished = self.attempt(claim, lease, ticket).instrument(span.clone()).await;
        drop(place);
        let outcome = finished.as_ref().map_or(Outcome::Deferred, |finished| match finished.report.outcome {
            SendOutcome::Accepted => Outcome::Done,
            SendOutcome::Temporary { .. } if attempt < MAX_ATTEMPTS => Outcome::Retried,
            SendOutcome::Temporary { .. } | SendOutcome::Permanent => Outcome::Failed,
            SendOutcome::ChannelDown { .. } => Outcome::Deferred,
        });
        span.record("outcome", outcome.as_str());
        self.count(outcome, 1);
        if outcome == Outcome::Done
            && let Some(changed_at) = changed_at
        {
            // By the clocks of two machines: a small difference between them is no negative time.
            let ms = u32::try_from(wall().0.saturating_sub(changed_at.0).max(0)).unwrap_or(u32::MAX);
            metrics::get().worker.told(self.parts.channel.stage(), f64::from(ms) / 1000.0);
        }
        finished
    }

    /// Counts what became of notifications.
    fn count(&self, outcome: Outcome, notifications: usize) {
        let count = u64::try_from(notifications).unwrap_or_default();
        metrics::get().worker.outcome(self.parts.channel.stage(), outcome, count);
    }

    /// One attempt at one message. `None` when there is nothing to report: the lease is over.
    async fn attempt(&self, claim: Box<Claim>, lease: Stopwatch, ticket: Option<Ticket>) -> Option<Finished<'_>> {
        let mut slot = None;
        let report = |outcome, detail: String, slot| {
            let Claim { notification, account, fence, .. } = *claim;
            Some(Finished { report: SendReport { notification, account, fence, outcome, detail }, slot })
        };
        if claim.channel != self.parts.channel {
            let detail = format!("came on the queue of the {} stage", self.parts.channel.stage());
            return report(SendOutcome::ChannelDown { retry_in: Duration::ZERO }, detail, slot);
        }
        // The semaphores are never closed.
        let connection = self.connections.acquire().await.ok();
        let mut counted = self.sending.one();
        let (message, secret) = match self.compose(&claim) {
            Ok(composed) => composed,
            Err((outcome, detail)) => return report(outcome, detail, slot),
        };
        if ticket.is_none()
            && let Some(retry_in) = self.breaker.wait()
        {
            return report(SendOutcome::ChannelDown { retry_in }, "not tried: the channel is down".to_owned(), slot);
        }
        slot = self.slots.try_acquire().ok();
        if slot.is_none() {
            // Until a result is stored nothing is sent here; whoever gathers results must know.
            drop(counted);
            slot = self.slots.acquire().await.ok();
            counted = self.sending.one();
        }
        fault::point(Window::NoticeClaimed).await;
        let cut = cut(&self.parts.timing);
        // The last look at the clock before the message leaves: after a pause of this process the lease may be over
        // and the notification another worker's.
        let age = if fault::off(Mechanism::LeaseLook) { Duration::ZERO } else { lease.elapsed() };
        let left = self.parts.timing.lease.saturating_sub(age);
        if left.is_zero() {
            return None;
        }
        if left < cut {
            let detail = "not tried: too little of the lease was left".to_owned();
            return report(SendOutcome::ChannelDown { retry_in: Duration::ZERO }, detail, slot);
        }
        let watch = Stopwatch::start();
        let sent = tokio::time::timeout(cut, self.parts.sender.send(&message))
            .await
            .unwrap_or_else(|_| Sent::Unknown("the sender did not answer in time".to_owned()));
        self.ahead.sent(watch.elapsed());
        drop(message);
        fault::point(Window::NoticeSent).await;
        let (outcome, detail) = self.judge(sent, &claim, secret.expose_secret(), ticket);
        // Not before the breaker knows.
        drop((connection, counted));
        debug!(notification = %claim.notification, attempt = claim.attempt, ?outcome, "attempted");
        report(outcome, detail, slot)
    }

    /// Opens the seal and writes the message. Answers the message with the secret that is in it: the password, or the token
    /// of the link. A lost password is final: no repetition finds it again.
    fn compose(&self, claim: &Claim) -> Result<(Outgoing, SecretString), (SendOutcome, String)> {
        let opened = self.opened(claim).map_err(|detail| (SendOutcome::Permanent, detail))?;
        let (shown, secret) = match claim.content.delivery {
            Delivery::Password => (None, opened),
            Delivery::Link => {
                let token = Seed::opened(opened).token(claim.channel);
                let url = self.parts.links.with_token(&claim.slug, token.expose_secret()).ok_or_else(|| {
                    error!(notification = %claim.notification, district = %claim.district, "a one-time link waits: this \
                        process has no `links.url`; set it for the notifiers as for the API");
                    let detail = "not tried: this notifier does not know where links lead (links.url)".to_owned();
                    (SendOutcome::ChannelDown { retry_in: NO_URL }, detail)
                })?;
                (Some(SecretString::from(url)), token)
            }
        };
        let message = self.renderer.render(claim, shown.as_ref().unwrap_or(&secret));
        Ok((message.map_err(|error| (SendOutcome::Permanent, error.to_string()))?, secret))
    }

    /// What was sealed for this claim.
    fn opened(&self, claim: &Claim) -> Result<SecretString, String> {
        let (sealed, attempt) =
            claim.sealed.as_ref().ok_or("the sealed password is no longer kept; re-issue the password")?;
        let binding = match claim.content.delivery {
            Delivery::Password => Binding::Account(claim.district, claim.account, *attempt),
            Delivery::Link => Binding::Link(claim.district, claim.account, *attempt),
        };
        self.parts.open_key.open(sealed, binding).map_err(|error| {
            error!(notification = %claim.notification, district = %claim.district, %error, "a sealed password does not \
                open; check that the key files of reset workers and notifiers belong together");
            format!("{error}; check the key files, then re-issue the password")
        })
    }

    /// What the ledger is told, and what the breaker learns. From here on the answer holds no password, nor a link.
    fn judge(&self, sent: Sent, claim: &Claim, secret: &str, ticket: Option<Ticket>) -> (SendOutcome, String) {
        let clean = |detail: &str| clean::detail(detail, secret);
        let temporary = || SendOutcome::Temporary { retry_in: delay_after(claim.attempt, &self.parts.timing.retry()) };
        let (outcome, detail) = match sent {
            Sent::ChannelDown { detail, retry_after } => {
                let detail = clean(&detail);
                // The log knows no addresses.
                let reason = detail.replace(&claim.address, "[address]");
                return (SendOutcome::ChannelDown { retry_in: self.breaker.open(retry_after, &reason) }, detail);
            }
            Sent::Accepted(detail) => (SendOutcome::Accepted, detail),
            Sent::Unknown(detail) if fault::off(Mechanism::UnknownAnswer) => (SendOutcome::Accepted, detail),
            Sent::TemporaryRecipient(detail) | Sent::Unknown(detail) => (temporary(), detail),
            Sent::PermanentRecipient(detail) => (SendOutcome::Permanent, detail),
        };
        if let Some(ticket) = ticket {
            ticket.close();
        }
        (outcome, clean(&detail))
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
