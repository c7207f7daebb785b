//! Webhook endpoints and what waits for them, as the conformance suite has it, without districts and events.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::{Millis, Stopwatch};
use keybell_shared::error::LedgerError;
use keybell_shared::ids::{DistrictId, WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::{
    ClaimOrder, DeliveryFate, DeliveryReport, DueWebhook, HandedOut, LedgerResult, NewWebhook, WebhookDelivery,
    WebhookLedger, WebhookState, WebhookView,
};

use super::FakeLedger;

/// A message that waits.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) id: WebhookMessageId,
    pub(crate) webhook: WebhookId,
    pub(crate) subject: String,
    pub(crate) attempts: u32,
    pub(crate) fence: i64,
    /// On the stop watch of the fake.
    pub(crate) due: Duration,
    pub(crate) leased: bool,
}

pub(crate) struct Endpoint {
    pub(crate) view: WebhookView,
    pub(crate) not_before: Duration,
}

/// What the webhooks' part of the fake holds.
pub(crate) struct Post {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) waiting: Vec<Waiting>,
    /// Events that were not handed out yet: one message each for the first endpoint.
    pub(crate) events: Vec<String>,
    pub(crate) delivered: Vec<WebhookMessageId>,
    /// So many calls of `record_deliveries` find the database away.
    pub(crate) deaf: u32,
    watch: Stopwatch,
}

impl Default for Post {
    fn default() -> Self {
        let (endpoints, waiting, events, delivered) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { endpoints, waiting, events, delivered, deaf: 0, watch: Stopwatch::start() }
    }
}

impl Post {
    /// Writes a message for an endpoint.
    pub(crate) fn write(&mut self, webhook: WebhookId, subject: &str) -> WebhookMessageId {
        let (id, due) = (WebhookMessageId::fresh(), self.watch.elapsed());
        let subject = subject.to_owned();
        self.waiting.push(Waiting { id, webhook, subject, attempts: 0, fence: 0, due, leased: false });
        id
    }

    pub(crate) fn view(&self, id: WebhookId) -> &WebhookView {
        &self.endpoints.iter().find(|endpoint| endpoint.view.id == id).unwrap().view
    }

    fn is_due(&self, message: &Waiting) -> bool {
        let first = self.waiting.iter().find(|one| (one.webhook, &one.subject) == (message.webhook, &message.subject));
        message.due <= self.watch.elapsed() && first.is_some_and(|first| first.id == message.id)
    }
}

fn known(post: &Post, district: DistrictId, id: WebhookId) -> Option<WebhookView> {
    post.endpoints
        .iter()
        .map(|endpoint| &endpoint.view)
        .find(|view| (view.district, view.id) == (district, id))
        .cloned()
}

#[async_trait]
impl WebhookLedger for FakeLedger {
    async fn add_webhook(&self, new: NewWebhook, most: u32) -> LedgerResult<Option<WebhookView>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        if post.endpoints.len() >= most as usize {
            return Ok(None);
        }
        let view = WebhookView {
            id: new.id,
            district: new.district,
            owner: new.owner,
            url: new.url,
            events: new.events,
            state: WebhookState::Active,
            reason: None,
            key_id: new.key_id,
            generation: 1,
            previous_until: None,
            created_at: Millis(0),
            last_success_at: None,
            last_failure_at: None,
            last_failure: None,
            failures: 0,
            waiting: 0,
            dropped: 0,
        };
        post.endpoints.push(Endpoint { view: view.clone(), not_before: Duration::ZERO });
        Ok(Some(view))
    }

    async fn webhooks(&self, district: DistrictId, owner: Option<&str>) -> LedgerResult<Vec<WebhookView>> {
        let state = self.up()?;
        let post = &state.post;
        let views = post.endpoints.iter().map(|endpoint| &endpoint.view);
        let seen = |view: &&WebhookView| view.district == district && owner.is_none_or(|owner| view.owner == owner);
        Ok(views.filter(seen).cloned().collect())
    }

    async fn webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookView>> {
        Ok(known(&self.up()?.post, district, id))
    }

    async fn remove_webhook(&self, district: DistrictId, id: WebhookId, _: &str) -> LedgerResult<bool> {
        let mut state = self.up()?;
        let post = &mut state.post;
        let found = known(post, district, id).is_some();
        post.endpoints.retain(|endpoint| endpoint.view.id != id || !found);
        Ok(found)
    }

    async fn rotate_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        _: &str,
        key_id: &str,
        _: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        if let Some(endpoint) = post.endpoints.iter_mut().find(|endpoint| endpoint.view.id == id) {
            endpoint.view.previous_until = (endpoint.view.key_id == key_id).then_some(Millis(i64::MAX));
            endpoint.view.generation += 1;
            key_id.clone_into(&mut endpoint.view.key_id);
        }
        Ok(known(post, district, id))
    }

    async fn enable_webhook(
        &self,
        district: DistrictId,
        id: WebhookId,
        _: &str,
        _: Duration,
    ) -> LedgerResult<Option<WebhookView>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        let now = post.watch.elapsed();
        if let Some(endpoint) = post.endpoints.iter_mut().find(|endpoint| endpoint.view.id == id) {
            endpoint.view.state = WebhookState::Active;
            endpoint.view.reason = None;
            endpoint.view.failures = 0;
            endpoint.not_before = Duration::ZERO;
        }
        for message in post.waiting.iter_mut().filter(|message| message.webhook == id) {
            (message.attempts, message.due, message.leased) = (0, now, false);
            message.fence += 1;
        }
        Ok(known(post, district, id))
    }

    async fn test_webhook(&self, district: DistrictId, id: WebhookId) -> LedgerResult<Option<WebhookMessageId>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        Ok(known(post, district, id).map(|_| post.write(id, &format!("test {}", WebhookMessageId::fresh()))))
    }

    async fn hand_out_events(&self, limit: u32, _: Duration) -> LedgerResult<HandedOut> {
        let mut state = self.up()?;
        let post = &mut state.post;
        let n = post.events.len().min(limit as usize);
        let subjects: Vec<String> = post.events.drain(..n).collect();
        if let Some(webhook) = post.endpoints.first().map(|endpoint| endpoint.view.id) {
            for subject in &subjects {
                post.write(webhook, subject);
            }
        }
        Ok(HandedOut { events: n as u64, messages: n as u64 })
    }

    async fn due_webhooks(&self, limit: u32) -> LedgerResult<Vec<DueWebhook>> {
        let state = self.up()?;
        let post = &state.post;
        let now = post.watch.elapsed();
        let due = post.endpoints.iter().filter(|endpoint| {
            let id = endpoint.view.id;
            let waits = post.waiting.iter().any(|message| message.webhook == id && message.due <= now);
            endpoint.view.state == WebhookState::Active && endpoint.not_before <= now && waits
        });
        let due = due.map(|Endpoint { view, .. }| DueWebhook {
            id: view.id,
            url: view.url.clone(),
            key_id: view.key_id.clone(),
            generation: view.generation,
            overlap: view.previous_until.is_some(),
            failures: view.failures,
        });
        Ok(due.take(limit as usize).collect())
    }

    async fn claim_deliveries(
        &self,
        webhook: WebhookId,
        order: ClaimOrder,
        limit: u32,
        lease: Duration,
    ) -> LedgerResult<Vec<WebhookDelivery>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        let now = post.watch.elapsed();
        let due = |message: &&Waiting| message.webhook == webhook && post.is_due(message);
        let mut ids: Vec<_> = post.waiting.iter().filter(due).map(|message| (message.due, message.id)).collect();
        if order == ClaimOrder::DueFirst {
            ids.sort_unstable();
        }
        ids.truncate(limit as usize);
        let claimed = post.waiting.iter_mut().filter(|message| ids.iter().any(|(_, id)| *id == message.id));
        let claim = |message: &mut Waiting| {
            message.fence += 1;
            (message.due, message.leased) = (now + lease, true);
            let (id, fence, attempts) = (message.id, message.fence, message.attempts);
            WebhookDelivery { id, webhook, fence, attempts, body: format!("{{\"about\":{:?}}}", message.subject) }
        };
        Ok(claimed.map(claim).collect())
    }

    async fn record_deliveries(
        &self,
        reports: &[DeliveryReport],
        strikes: u32,
        pause: Duration,
    ) -> LedgerResult<Vec<WebhookId>> {
        let mut state = self.up()?;
        let post = &mut state.post;
        if post.deaf > 0 {
            post.deaf -= 1;
            return Err(LedgerError::Unavailable("switched off by the test".into()));
        }
        let now = post.watch.elapsed();
        let mut disabled = Vec::new();
        for report in reports {
            let Some(at) = post.waiting.iter().position(|message| message.id == report.id) else { continue };
            let endpoint = post.endpoints.iter().position(|endpoint| endpoint.view.id == report.webhook).unwrap();
            if report.fate == DeliveryFate::Delivered {
                post.waiting.remove(at);
                post.delivered.push(report.id);
                let down = post.endpoints[endpoint].view.failures >= i64::from(strikes);
                post.endpoints[endpoint].view.failures = 0;
                post.endpoints[endpoint].not_before = Duration::ZERO;
                let retried = |message: &&mut Waiting| message.webhook == report.webhook && !message.leased;
                for message in post.waiting.iter_mut().filter(retried).filter(|_| down) {
                    message.due = message.due.min(now);
                }
                continue;
            }
            let message = &mut post.waiting[at];
            if message.fence != report.fence {
                continue;
            }
            message.leased = false;
            message.due = now;
            if report.fate == DeliveryFate::Untried {
                continue;
            }
            message.attempts += 1;
            if let DeliveryFate::Retry(wait) = report.fate {
                message.due += wait;
            }
            let endpoint = &mut post.endpoints[endpoint];
            endpoint.view.failures += 1;
            endpoint.view.last_failure = Some(report.detail.clone());
            if endpoint.view.failures >= i64::from(strikes) {
                endpoint.not_before = now + pause;
            }
            if let DeliveryFate::Disable { reason } = report.fate {
                endpoint.view.state = WebhookState::Disabled;
                endpoint.view.reason = Some(reason.to_owned());
                disabled.push(report.webhook);
            }
        }
        Ok(disabled)
    }

    async fn drop_deliveries(&self, _: Duration, _: u32) -> LedgerResult<u64> {
        Ok(0)
    }
}
