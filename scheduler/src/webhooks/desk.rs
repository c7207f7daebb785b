//! Managing webhook endpoints, for every door: who may, what fits, and the secret that is shown once.

use std::collections::BTreeSet;
use std::sync::Arc;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::config;
use keybell_shared::events;
use keybell_shared::ids::{WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::{Ledger, NewWebhook, WebhookState, WebhookView};
use keybell_shared::ports::webhooks::WebhookSender;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::webhook::{Pattern, WebhookKey};
use secrecy::SecretString;

/// The longest URL, in bytes.
const LONGEST_URL: usize = 2_000;

/// The most patterns of one endpoint.
const MOST_PATTERNS: usize = 20;

/// Manages webhook endpoints. A district's administrator sees and changes all of the district; an application its own;
/// nobody else any.
#[derive(Clone)]
pub struct Desk {
    ledger: Arc<dyn Ledger>,
    sender: Arc<dyn WebhookSender>,
    key: Option<Arc<WebhookKey>>,
    config: config::Webhooks,
}

impl Desk {
    /// A desk. Without the master key nothing that has a secret can be made.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        sender: Arc<dyn WebhookSender>,
        key: Option<Arc<WebhookKey>>,
        config: config::Webhooks,
    ) -> Self {
        Self { ledger, sender, key, config }
    }

    /// Makes an endpoint. The secret is shown this once.
    ///
    /// # Errors
    /// When the caller may not, the URL or a pattern does not fit, or the district has as many as it may have.
    pub async fn create(
        &self,
        by: &Actor,
        url: &str,
        events: &[String],
    ) -> Result<(WebhookView, SecretString), Problem> {
        let _: Option<&str> = bounds(by)?;
        if url.len() > LONGEST_URL {
            let detail = format!("a URL may have at most {LONGEST_URL} bytes");
            return Err(Problem::invalid("webhook.url", "url", detail));
        }
        self.sender.check(url).map_err(|reason| Problem::invalid("webhook.url", "url", format!("the URL {reason}")))?;
        let events = patterns(events)?;
        let key = self.key()?;
        let new = NewWebhook {
            id: WebhookId::fresh(),
            district: by.district,
            owner: by.name.clone(),
            url: url.to_owned(),
            events,
            key_id: key.id(),
        };
        let id = new.id;
        let most = self.config.per_district;
        let view = self.ledger.add_webhook(new, most).await?.ok_or_else(|| {
            let detail = format!("the district has {most} webhooks, which is the most; delete one first");
            Problem::new(ProblemKind::Conflict, "webhook.too_many", detail)
        })?;
        let secret = key.secret(id, view.generation);
        Ok((view, secret))
    }

    /// The endpoints that the caller may see, the oldest first.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn list(&self, by: &Actor) -> Result<Vec<WebhookView>, Problem> {
        Ok(self.ledger.webhooks(by.district, bounds(by)?).await?)
    }

    /// One endpoint.
    ///
    /// # Errors
    /// When the caller may not, or there is none that the caller may see.
    pub async fn show(&self, by: &Actor, id: WebhookId) -> Result<WebhookView, Problem> {
        let owner = bounds(by)?;
        let found = self.ledger.webhook(by.district, id).await?;
        found.filter(|view| owner.is_none_or(|owner| view.owner == owner)).ok_or_else(unknown)
    }

    /// Deletes an endpoint and what waits for it.
    ///
    /// # Errors
    /// When the caller may not, or there is none that the caller may see.
    pub async fn remove(&self, by: &Actor, id: WebhookId) -> Result<(), Problem> {
        self.show(by, id).await?;
        let removed = self.ledger.remove_webhook(by.district, id, &by.name).await?;
        if removed { Ok(()) } else { Err(unknown()) }
    }

    /// Gives an endpoint a new secret, which is shown this once. The old one signs, too, for a while.
    ///
    /// # Errors
    /// When the caller may not, or there is none that the caller may see.
    pub async fn rotate(&self, by: &Actor, id: WebhookId) -> Result<(WebhookView, SecretString), Problem> {
        self.show(by, id).await?;
        let key = self.key()?;
        let rotated = self.ledger.rotate_webhook(by.district, id, &by.name, &key.id(), self.config.overlap).await?;
        let Some(view) = rotated else {
            // Gone meanwhile, or two secrets sign already: a third would silence the one that the receiver still uses.
            self.show(by, id).await?;
            let detail = "the last rotation is not over: the receiver may still use the secret before it; wait until \
                          `previous_secret_until`, or add a new webhook";
            return Err(Problem::new(ProblemKind::Conflict, "webhook.rotating", detail));
        };
        let secret = key.secret(id, view.generation);
        Ok((view, secret))
    }

    /// Uses a disabled endpoint again; what waits goes out at once.
    ///
    /// # Errors
    /// When the caller may not, or there is none that the caller may see.
    pub async fn enable(&self, by: &Actor, id: WebhookId) -> Result<WebhookView, Problem> {
        self.show(by, id).await?;
        self.ledger.enable_webhook(by.district, id, &by.name, self.config.keep).await?.ok_or_else(unknown)
    }

    /// Sends a message of kind `webhook.test` to an endpoint.
    ///
    /// # Errors
    /// When the caller may not, there is none that the caller may see, or it is disabled.
    pub async fn test(&self, by: &Actor, id: WebhookId) -> Result<WebhookMessageId, Problem> {
        if self.show(by, id).await?.state == WebhookState::Disabled {
            let detail = "the webhook is disabled, nothing goes out; enable it first";
            return Err(Problem::new(ProblemKind::Conflict, "webhook.disabled", detail));
        }
        self.ledger.test_webhook(by.district, id).await?.ok_or_else(unknown)
    }

    fn key(&self) -> Result<&WebhookKey, Problem> {
        self.key.as_deref().ok_or_else(|| {
            let detail = "this process has no webhooks.key, so no secret can be made; `keybell keys create` makes the \
                          file, which belongs into the key folder of the API and the scheduler";
            Problem::new(ProblemKind::Unavailable, "webhook.no_key", detail)
        })
    }
}

/// Whose endpoints the caller may see: all of the district, or those of one name.
fn bounds(by: &Actor) -> Result<Option<&str>, Problem> {
    match by.role {
        Role::DistrictAdmin => Ok(None),
        Role::Application => Ok(Some(&by.name)),
        Role::Principal | Role::Teacher | Role::Operator => Err(Problem::new(
            ProblemKind::Forbidden,
            "role.forbidden",
            format!("the role {} may not manage webhooks; ask a district_admin", by.role),
        )),
    }
}

/// Reads the patterns; each one once, in order.
fn patterns(named: &[String]) -> Result<Vec<String>, Problem> {
    if named.is_empty() || named.len() > MOST_PATTERNS {
        let detail = format!("name 1 to {MOST_PATTERNS} event patterns, such as `task.*`");
        return Err(Problem::invalid("webhook.events", "events", detail));
    }
    // Answers to a request are for its producer alone.
    let kinds = events::catalogue().into_iter().map(|kind| kind.kind);
    let heard: Vec<_> = kinds.filter(|kind| !kind.starts_with("request.")).collect();
    let mut read = BTreeSet::new();
    for (place, text) in named.iter().enumerate() {
        let pattern: Pattern = text.parse().map_err(|error| {
            Problem::invalid("webhook.events", format!("events[{place}]"), format!("the text {error}"))
        })?;
        if !heard.iter().any(|kind| pattern.matches(kind)) {
            let detail = format!("`{pattern}` means no event; there are {}", heard.join(", "));
            return Err(Problem::invalid("webhook.events", format!("events[{place}]"), detail));
        }
        read.insert(pattern);
    }
    Ok(read.iter().map(ToString::to_string).collect())
}

fn unknown() -> Problem {
    Problem::not_found("webhook")
}
