//! Accepting requests: every door (HTTP, AMQP, command line) comes through here, so that a rule exists once.
//!
//! [`json::parse`] reads the bytes, [`Intake::submit`] checks and accepts, [`Intake::preview`] checks and counts. A
//! refused request changes nothing, and its [`Problem`] names a stable code, the field and what to do next.

mod alone;
pub mod amqp;
pub(crate) mod chosen;
mod directory;
mod idempotency;
pub mod json;
mod locate;
mod passwords;
mod plan;
mod reissue;
mod rules;
mod schedule;
mod selection;
mod shared_password;
mod strict;
mod upload;

use std::sync::Arc;

use keybell_shared::actor::Actor;
use keybell_shared::config::{self, Links, Window};
use keybell_shared::ids::{AccountId, TaskId};
use keybell_shared::ports::ledger::{Acceptance, District, Idempotency, Ledger, Meant, NewTask, Preview};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{ResetRequest, Scope};
use keybell_shared::seal::SealKey;
use keybell_shared::trace::{self, TARGET};
use tracing::Instrument as _;
use tracing::field::Empty;

use self::shared_password::Given;
use crate::wake::Wake;

pub use directory::Looking;
pub use idempotency::{MAX_KEY, producer};
pub use plan::{Applying, KEEP, Planned};
pub use reissue::Reissuing;
pub use schedule::{Waits, Why};
pub use upload::{Starting, Trial, TrialCounts, Uploading};

/// An accepted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The task that it became.
    pub task: TaskId,
    /// Whether the same request had been accepted before, as this task.
    pub repeated: bool,
}

/// Checks and accepts requests.
#[derive(Clone)]
pub struct Intake {
    ledger: Arc<dyn Ledger>,
    reset_key: Option<Arc<SealKey>>,
    wake: Option<Wake>,
    passwords: config::Passwords,
    links: Links,
    approval_above: Option<u32>,
    windows: Vec<Window>,
}

/// A request that passed every check.
struct Checked {
    /// The accounts that it names.
    named: Vec<AccountId>,
    /// A shared password, taken out of the request.
    shared: Option<Given>,
    /// Whom it means.
    preview: Preview,
}

impl Intake {
    /// An intake into this ledger. Shared passwords are sealed to `reset_key`; without it they are refused.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, reset_key: Option<Arc<SealKey>>) -> Self {
        Self {
            ledger,
            reset_key,
            wake: None,
            passwords: config::Passwords::default(),
            links: Links::default(),
            approval_above: None,
            windows: Vec::new(),
        }
    }

    /// Fills in what requests leave open about the new passwords from this configuration.
    #[must_use]
    pub fn configured(self, passwords: config::Passwords) -> Self {
        Self { passwords, ..self }
    }

    /// Nudges the expansion of the same process for every accepted request, so that it need not wait for its interval.
    #[must_use]
    pub fn waking(self, wake: Wake) -> Self {
        Self { wake: Some(wake), ..self }
    }

    /// Accepts requests that send one-time links, for districts whose links lead somewhere.
    #[must_use]
    pub fn linking(self, links: Links) -> Self {
        Self { links, ..self }
    }

    /// Says in plans that a task which changes more passwords than this will wait for a second person's approval. The
    /// expansion decides it.
    #[must_use]
    pub fn approving_above(self, approval_above: Option<u32>) -> Self {
        Self { approval_above, ..self }
    }

    /// Checks a request and has the ledger accept it as a task. After `Ok` nothing can lose it.
    ///
    /// The same `key` with the same request answers the same task, however often; the fingerprint leaves out a shared
    /// password, so it does not tell two requests apart that differ in nothing else.
    ///
    /// # Errors
    /// The first check that the request does not pass; nothing was changed. `approval.person_missing` where a second person must
    /// approve and nothing says who the first one is. `Unavailable` means that the same request
    /// with the same key should be repeated later.
    pub async fn submit(&self, actor: &Actor, request: ResetRequest, key: &str) -> Result<Submitted, Problem> {
        self.submit_within(actor, request, key, None).await
    }

    /// [`Intake::submit`], for a caller whose requests may mean this many accounts at most.
    ///
    /// # Errors
    /// See [`Intake::submit`]; and `quota.accounts`.
    pub async fn submit_within(
        &self,
        actor: &Actor,
        request: ResetRequest,
        key: &str,
        most: Option<u32>,
    ) -> Result<Submitted, Problem> {
        let mut request = request;
        rules::role(actor)?;
        idempotency::check_key(key)?;
        // As it was asked, before defaults are filled in: a later version may fill them in differently.
        let fingerprint = idempotency::fingerprint(&request)?;
        let idempotency = Idempotency { producer: producer(actor), key: key.to_owned(), fingerprint };
        if let Some(submitted) = self.repetition(actor, &idempotency).await? {
            return Ok(submitted);
        }
        self.complete(&mut request);
        rules::check(actor, &request)?;
        let checked = self.check(actor, &mut request).await?;
        if let Some(most) = most {
            selection::within(&checked.preview, most)?;
        }
        self.is_somebody(actor, checked.preview.eligible)?;
        let id = TaskId::fresh();
        let shared =
            checked.shared.map(|given| given.seal(self.reset_key.as_deref(), actor.district, id)).transpose()?;
        let named = checked.named;
        self.accept(NewTask {
            id,
            actor: actor.clone(),
            request,
            named,
            shared,
            uploaded: Vec::new(),
            idempotency,
            reissue: None,
            trial: None,
        })
        .await
    }

    /// What was accepted once stays accepted: a repetition is not checked against the district of today.
    async fn repetition(&self, actor: &Actor, idempotency: &Idempotency) -> Result<Option<Submitted>, Problem> {
        match self.ledger.known(actor.district, idempotency).await? {
            Some(Acceptance::Accepted(task) | Acceptance::Repeated(task)) => {
                Ok(Some(Submitted { task, repeated: true }))
            }
            Some(Acceptance::Mismatch) => Err(idempotency::mismatch()),
            // Only a new request counts; a known one never comes to this.
            Some(Acceptance::Started(task)) => Err(upload::started(task)),
            Some(Acceptance::OverQuota(allowed)) => Err(idempotency::over_quota(allowed)),
            None => Ok(None),
        }
    }

    /// Has the ledger accept a checked task.
    async fn accept(&self, task: NewTask) -> Result<Submitted, Problem> {
        let actor = task.actor.clone();
        let span = trace::child(
            trace::current(),
            || tracing::info_span!(target: TARGET, "accept", task = %task.id, trace_id = Empty),
        );
        let acceptance = self.ledger.accept(task).instrument(span).await?;
        self.answered(&actor, acceptance)
    }

    /// What the ledger's answer means for the caller. A new task wakes the expansion.
    fn answered(&self, actor: &Actor, acceptance: Acceptance) -> Result<Submitted, Problem> {
        match acceptance {
            Acceptance::Accepted(task) => {
                tracing::info!(%task, district = %actor.district, by = ?actor.name, "request accepted");
                if let Some(wake) = &self.wake {
                    wake.wake();
                }
                Ok(Submitted { task, repeated: false })
            }
            Acceptance::Repeated(task) => Ok(Submitted { task, repeated: true }),
            Acceptance::Mismatch => Err(idempotency::mismatch()),
            Acceptance::Started(task) => Err(upload::started(task)),
            Acceptance::OverQuota(allowed) => Err(idempotency::over_quota(allowed)),
        }
    }

    /// Checks a request as [`Intake::submit`] does and counts whom it means; nothing is changed. The precautions need not
    /// be acknowledged for it.
    ///
    /// # Errors
    /// The first check that the request does not pass.
    pub async fn preview(&self, actor: &Actor, request: &ResetRequest) -> Result<Preview, Problem> {
        rules::role(actor)?;
        let mut request = request.clone();
        self.complete(&mut request);
        rules::check_preview(actor, &request)?;
        Ok(self.check(actor, &mut request).await?.preview)
    }

    /// Fills in what the request does not say about the new passwords.
    fn complete(&self, request: &mut ResetRequest) {
        passwords::blank_is_not_given(request);
        passwords::fill_in(request, &self.passwords);
    }

    /// Every check that needs more than the request. Takes a shared password out of the request, collapses duplicates, and fills
    /// in the expiry that a widely shared password must have.
    async fn check(&self, actor: &Actor, request: &mut ResetRequest) -> Result<Checked, Problem> {
        self.start_lies_ahead(request).await?;
        self.links_lead_somewhere(actor, request).await?;
        let shared = self.shared_password(actor, request).await?;
        let ledger = self.ledger.as_ref();
        let named = selection::resolve(ledger, actor.district, &mut request.selection).await?;
        self.holds_no_name_of(actor, request, shared.as_ref(), &named).await?;
        let preview = ledger.preview(actor, request, &named).await?;
        if preview.eligible == 0 && preview.skipped.iter().all(|(_, count)| *count == 0) {
            return Err(selection::nobody());
        }
        if let Some(given) = &shared {
            given.limit(request, preview.eligible, self.passwords.shared_limit)?;
        }
        Ok(Checked { named, shared, preview })
    }

    /// Takes a shared password out of the request and checks it.
    async fn shared_password(&self, actor: &Actor, request: &mut ResetRequest) -> Result<Option<Given>, Problem> {
        let shared = Given::take(request);
        if let Some(given) = &shared {
            if self.reset_key.is_none() {
                return Err(shared_password::no_key());
            }
            given.check(request, self.place_names(actor).await?)?;
        }
        Ok(shared)
    }

    /// A shared password holds no name of the accounts that are meant by name, also where an id or a roster id stands for one.
    async fn holds_no_name_of(
        &self,
        actor: &Actor,
        request: &ResetRequest,
        shared: Option<&Given>,
        named: &[AccountId],
    ) -> Result<(), Problem> {
        let Some(given) = shared.filter(|_| request.selection.scope == Scope::Selected && !named.is_empty()) else {
            return Ok(());
        };
        let rows: Vec<Meant> = named.iter().map(|id| Meant { account: Some(*id), username: String::new() }).collect();
        let found = self.ledger.meant(actor, &rows, None).await?;
        given.check_names(request, found.into_iter().flatten().flat_map(|account| account.forbidden).collect())
    }

    /// Refuses a request that sends links when nobody has said where they lead.
    async fn links_lead_somewhere(&self, actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
        if !request.sends_link() || self.links.of(&self.own_district(actor).await?.slug).is_some() {
            return Ok(());
        }
        Err(rules::no_url(request))
    }

    /// What the district and its schools are called; a password given for them must not hold that.
    async fn place_names(&self, actor: &Actor) -> Result<Vec<String>, Problem> {
        let names = self.ledger.place_names(actor.district).await?;
        if names.is_empty() {
            let detail = "your district does not exist any more";
            return Err(Problem::new(ProblemKind::Forbidden, "district.unknown", detail));
        }
        Ok(names)
    }

    async fn own_district(&self, actor: &Actor) -> Result<District, Problem> {
        let districts = self.ledger.districts().await?;
        districts.into_iter().find(|district| district.id == actor.district).ok_or_else(|| {
            Problem::new(ProblemKind::Forbidden, "district.unknown", "your district does not exist any more")
        })
    }
}

#[cfg(test)]
mod tests;
