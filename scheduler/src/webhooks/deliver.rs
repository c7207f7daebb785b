//! Claims what is due, signs and sends it, and stores what became of it.
//!
//! A message belongs to this process for the time of a lease. A crash between sending and storing repeats it after the
//! lease, with the same id; nothing is lost. The ledger claims of each subject only the oldest message, which keeps the
//! order; here, only the number of tries at a time is bounded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::{Stopwatch, wall};
use keybell_shared::ids::WebhookId;
use keybell_shared::ports::ledger::{
    ClaimOrder, DeliveryFate, DeliveryReport, DueWebhook, Ledger, LedgerResult, WebhookDelivery,
};
use keybell_shared::ports::webhooks::WebhookCall;
use keybell_shared::webhook::{WebhookKey, message_id, sign};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::WebhookParts;
use super::judge::judge;
use crate::outage::Outage;
use crate::wake::Wake;

/// The most endpoints that are looked at per round.
const ENDPOINTS: u32 = 1_000;

/// This many failures in a row, and an endpoint gets one try at a time until it takes a message.
const STRIKES: u32 = 5;

/// Messages claimed for an endpoint, for each try that may run: what waits for its turn here saves a way to the ledger.
const AHEAD: u32 = 4;

/// A lease lasts as long as this many tries: those ahead, and a margin.
const LEASE_TRIES: u32 = AHEAD + 2;

/// Results are gathered for so long, so that one transaction stores many.
const GATHER: Duration = Duration::from_millis(10);

/// An endpoint's messages in this process.
struct InHand {
    claimed: u32,
    turns: Arc<Semaphore>,
}

/// The job.
pub(super) struct Deliver {
    ledger: Arc<dyn Ledger>,
    parts: WebhookParts,
    /// Nudged when messages were written.
    written: Wake,
    tries: JoinSet<DeliveryReport>,
    /// Whose try it is, to clean up after one that panicked.
    whose: HashMap<Id, WebhookId>,
    in_hand: HashMap<WebhookId, InHand>,
    results: Vec<DeliveryReport>,
    /// Endpoints that cannot be signed for, so that each is told once.
    unsigned: HashSet<WebhookId>,
    told_no_key: bool,
}

impl Deliver {
    pub(super) fn new(ledger: Arc<dyn Ledger>, parts: WebhookParts, written: Wake) -> Self {
        Self {
            ledger,
            parts,
            written,
            tries: JoinSet::new(),
            whose: HashMap::new(),
            in_hand: HashMap::new(),
            results: Vec::new(),
            unsigned: HashSet::new(),
            told_no_key: false,
        }
    }

    /// Delivers until `stop`; tries that run are finished, and their results stored.
    pub(super) async fn run(mut self, interval: Duration, stop: CancellationToken) {
        let mut outage = Outage::new("webhook delivery");
        while !stop.is_cancelled() {
            match self.round(&stop).await {
                Ok(()) => {
                    outage.over();
                    self.rest(interval, &stop).await;
                }
                Err(error) => {
                    let pause = outage.failed(&error.into());
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = sleep(pause) => {}
                    }
                }
            }
        }
        while let Some(ended) = self.tries.join_next_with_id().await {
            self.collect(ended);
        }
        if let Err(error) = self.store().await {
            tracing::warn!(%error, "results of webhooks could not be stored; those messages are sent again");
        }
    }

    async fn round(&mut self, stop: &CancellationToken) -> LedgerResult<()> {
        while let Some(ended) = self.tries.try_join_next_with_id() {
            self.collect(ended);
        }
        self.store().await?;
        let Some(key) = self.parts.key.clone() else {
            return self.without_key().await;
        };
        for endpoint in self.ledger.due_webhooks(ENDPOINTS).await? {
            self.claim(&key, &endpoint, stop).await?;
        }
        Ok(())
    }

    /// Waits until something ended, was written, or the interval is over.
    async fn rest(&mut self, interval: Duration, stop: &CancellationToken) {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(interval) => return,
            () = self.written.woken() => None,
            Some(ended) = self.tries.join_next_with_id() => Some(ended),
        };
        if let Some(ended) = ended {
            self.collect(ended);
        }
        sleep(GATHER.min(interval)).await;
    }

    /// Messages wait; that is said once.
    async fn without_key(&mut self) -> LedgerResult<()> {
        if !self.told_no_key && !self.ledger.due_webhooks(1).await?.is_empty() {
            self.told_no_key = true;
            tracing::error!(
                "webhook messages wait, because this process has no webhooks.key; copy the file into its key folder \
                 and restart"
            );
        }
        Ok(())
    }

    /// Claims as many messages as there is room for, and starts their tries.
    async fn claim(
        &mut self,
        key: &Arc<WebhookKey>,
        endpoint: &DueWebhook,
        stop: &CancellationToken,
    ) -> LedgerResult<()> {
        if key.id() != endpoint.key_id {
            if self.unsigned.insert(endpoint.id) {
                tracing::error!(
                    webhook = %endpoint.id,
                    "its secret comes from another webhooks.key, so its messages wait; bring that file back, or rotate \
                     the webhook's secret"
                );
            }
            return Ok(());
        }
        self.unsigned.remove(&endpoint.id);
        let connections = self.parts.config.connections;
        let fails = endpoint.failures >= i64::from(STRIKES);
        let (most, order) =
            if fails { (1, ClaimOrder::OldestFirst) } else { (connections * AHEAD, ClaimOrder::DueFirst) };
        let claimed = self.in_hand.get(&endpoint.id).map_or(0, |in_hand| in_hand.claimed);
        let room = most.saturating_sub(claimed);
        if room == 0 {
            return Ok(());
        }
        let lease = self.parts.config.timeout * LEASE_TRIES;
        let watch = Stopwatch::start();
        let deliveries = self.ledger.claim_deliveries(endpoint.id, order, room, lease).await?;
        let secrets = secrets(key, endpoint);
        for delivery in deliveries {
            let in_hand = self.in_hand.entry(endpoint.id).or_insert_with(|| InHand {
                claimed: 0,
                turns: Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1))),
            });
            in_hand.claimed += 1;
            let one = Try {
                delivery,
                url: endpoint.url.clone(),
                secrets: Arc::clone(&secrets),
                parts: self.parts.clone(),
                turns: Arc::clone(&in_hand.turns),
                watch,
                lease,
                stop: stop.clone(),
            };
            let handle = self.tries.spawn(one.run());
            self.whose.insert(handle.id(), endpoint.id);
        }
        Ok(())
    }

    fn collect(&mut self, ended: Result<(Id, DeliveryReport), JoinError>) {
        let id = match ended {
            Ok((id, report)) => {
                self.results.push(report);
                id
            }
            Err(broken) => {
                tracing::error!("a webhook try broke: {broken}; the message is sent again after its lease");
                broken.id()
            }
        };
        let Some(webhook) = self.whose.remove(&id) else { return };
        if let Some(in_hand) = self.in_hand.get_mut(&webhook) {
            in_hand.claimed -= 1;
            if in_hand.claimed == 0 {
                self.in_hand.remove(&webhook);
            }
        }
    }

    /// Stores the results; they are kept until the ledger took them.
    async fn store(&mut self) -> LedgerResult<()> {
        if self.results.is_empty() {
            return Ok(());
        }
        let pause = self.parts.config.retry.first().copied().unwrap_or_default();
        for webhook in self.ledger.record_deliveries(&self.results, STRIKES, pause).await? {
            keybell_shared::metrics::get().scheduler.webhooks_disabled.inc();
            tracing::warn!(%webhook, "a webhook is disabled: its messages were not taken; it shows the reason");
        }
        self.results.clear();
        Ok(())
    }
}

/// The secrets that sign: the present one and, for a while after a rotation, the one before.
fn secrets(key: &WebhookKey, endpoint: &DueWebhook) -> Arc<[SecretString]> {
    let mut secrets = vec![key.secret(endpoint.id, endpoint.generation)];
    if endpoint.overlap {
        secrets.push(key.secret(endpoint.id, endpoint.generation - 1));
    }
    secrets.into()
}

/// One try at one message.
struct Try {
    delivery: WebhookDelivery,
    url: String,
    secrets: Arc<[SecretString]>,
    parts: WebhookParts,
    turns: Arc<Semaphore>,
    /// Since the claim.
    watch: Stopwatch,
    lease: Duration,
    stop: CancellationToken,
}

impl Try {
    async fn run(self) -> DeliveryReport {
        let turn = tokio::select! {
            () = self.stop.cancelled() => None,
            turn = self.turns.acquire() => turn.ok(),
        };
        // A try that could outlast its lease is not begun.
        let late = self.watch.elapsed() + self.parts.config.timeout > self.lease;
        let (fate, detail) = if turn.is_none() || late || self.stop.is_cancelled() {
            (DeliveryFate::Untried, String::new())
        } else {
            self.send().await
        };
        let WebhookDelivery { id, webhook, fence, .. } = self.delivery;
        DeliveryReport { id, webhook, fence, fate, detail }
    }

    async fn send(&self) -> (DeliveryFate, String) {
        let id = message_id(self.delivery.id);
        let timestamp = wall().0 / 1_000;
        let body = self.delivery.body.clone();
        let signature = sign(&self.secrets, &id, timestamp, &body);
        let call = WebhookCall { url: self.url.clone(), id, timestamp, signature, body };
        let answer = self.parts.sender.send(&call).await;
        let (fate, detail) = judge(answer, self.delivery.attempts, &self.parts.config);
        tracing::debug!(webhook = %self.delivery.webhook, message = call.id, attempt = self.delivery.attempts + 1,
            detail, taken = fate == DeliveryFate::Delivered, "a webhook was tried");
        (fate, detail)
    }
}
