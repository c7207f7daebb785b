//! From an open item to a finished password: drawn or opened, sealed, hashed.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use keybell_hashing::HashPool;
use keybell_shared::eligibility::Decision;
use keybell_shared::fault;
use keybell_shared::ids::{AttemptId, ItemId, TaskId};
use keybell_shared::link::{self, Seed};
use keybell_shared::notice::{self, Channel};
use keybell_shared::password::Names;
use keybell_shared::ports::ledger::{ResetJob, ResetWrite};
use keybell_shared::request::PasswordSource;
use keybell_shared::seal::{Binding, KeyRing, SealError, Sealed, Sealer};
use secrecy::{ExposeSecret as _, SecretString};
use tracing::{error, warn};

use super::generate::{Wish, draw, draw_seed};

/// What passwords are made with.
pub(super) struct Preparer<'a> {
    pub(super) pool: &'a HashPool,
    /// Opens shared and uploaded passwords.
    pub(super) open_key: &'a KeyRing,
    /// Seals new passwords to the notifiers.
    pub(super) sealer: Sealer<'a>,
    /// How long the sealed password of a permanent one is kept.
    pub(super) seal_ttl: Duration,
}

/// An item after preparation.
pub(super) enum Prepared {
    /// Ready for the commit.
    Write(ResetWrite),
    /// No password can be made for it (`X03`).
    Impossible(ItemId),
    /// Something failed that may work later.
    Unsettled(ItemId, String),
}

/// Shared passwords by task, opened once for a batch and forgotten with it.
type Opened = HashMap<TaskId, Option<SecretString>>;

impl Preparer<'_> {
    /// Prepares every item that is to be reset, and an empty write for every item that is to be skipped or superseded:
    /// the commit records those as well.
    pub(super) async fn all(&self, jobs: &[ResetJob]) -> Vec<Prepared> {
        let shared = self.open(jobs);
        join_all(jobs.iter().map(|job| self.one(job, &shared))).await
    }

    fn open(&self, jobs: &[ResetJob]) -> Opened {
        let mut opened = Opened::new();
        let shared = |job: &&ResetJob| {
            job.decision == Decision::Reset
                && job.request.mode.sets_password()
                && matches!(job.request.password, PasswordSource::Shared { .. })
        };
        for job in jobs.iter().filter(shared) {
            opened.entry(job.task).or_insert_with(|| self.open_one(job));
        }
        opened
    }

    fn open_one(&self, job: &ResetJob) -> Option<SecretString> {
        let Some(sealed) = &job.shared else {
            error!(task = %job.task, "the shared password of the task is gone; its items fail with X03");
            return None;
        };
        match self.open_key.open(sealed, Binding::Task(job.district, job.task)) {
            Ok(password) => Some(password),
            Err(reason) => {
                error!(task = %job.task, %reason, "the shared password of the task does not open; its items fail with X03");
                None
            }
        }
    }

    async fn one(&self, job: &ResetJob, shared: &Opened) -> Prepared {
        let attempt = AttemptId::fresh();
        let sets_password = job.request.mode.sets_password();
        let expiry = job.request.expiry_hours_in(job.grade.as_deref()).filter(|_| sets_password);
        let expires_in = expiry.map(|hours| Duration::from_hours(hours.into()));
        let mut write = ResetWrite {
            item: job.item,
            account: job.account,
            attempt,
            hash: String::new(),
            sealed: None,
            links: Vec::new(),
            expires_in,
            seal_ttl: expires_in.unwrap_or(self.seal_ttl),
        };
        if job.decision != Decision::Reset {
            // Without a hash, the commit can do anything but change the password.
            return Prepared::Write(write);
        }
        if job.request.sends_link() {
            // A link leads on, also when the password that it replaces has expired.
            write.seal_ttl = self.seal_ttl;
            match self.link(job, attempt) {
                Ok((sealed, links)) => (write.sealed, write.links) = (Some(sealed), links),
                Err(reason) => return Prepared::Unsettled(job.item, format!("the links were not sealed: {reason}")),
            }
        }
        if !sets_password {
            return Prepared::Write(write);
        }
        let Some(password) = self.password_of(job, shared) else { return Prepared::Impossible(job.item) };
        fault::leak(&password);
        if job.request.is_told() && !job.request.sends_link() {
            // Sealed before it is hashed, so that the clear text leaves this task as early as possible.
            match self.sealer.seal(&password, Binding::Account(job.district, job.account, attempt)) {
                Ok(sealed) => write.sealed = Some(sealed),
                Err(reason) => return Prepared::Unsettled(job.item, format!("the password was not sealed: {reason}")),
            }
        }
        match self.pool.hash(password).await {
            Ok(hash) => Prepared::Write(ResetWrite { hash, ..write }),
            Err(reason) => Prepared::Unsettled(job.item, reason.to_string()),
        }
    }

    /// The sealed seed of the item's links, and what the ledger keeps of their tokens.
    fn link(&self, job: &ResetJob, attempt: AttemptId) -> Result<(Sealed, Vec<(Channel, String)>), SealError> {
        let seed = Seed::of(&draw_seed());
        let sealed = self.sealer.seal(seed.text(), Binding::Link(job.district, job.account, attempt))?;
        let channels = notice::channels(job.request.channel).iter();
        let links = channels.map(|&channel| (channel, link::hash(seed.token(channel).expose_secret()))).collect();
        Ok((sealed, links))
    }

    /// The item's new password; `None` when there can be none.
    fn password_of(&self, job: &ResetJob, shared: &Opened) -> Option<SecretString> {
        match &job.request.password {
            PasswordSource::Generated { format, language } => {
                let tier = format.tier(job.grade.as_deref(), job.rank);
                let wish = Wish { format: tier, policy: job.request.policy, language: language.unwrap_or_default() };
                draw(wish, &Names::new(&job.forbidden))
                    .inspect_err(|reason| warn!(task = %job.task, item = %job.item, %reason, "no password; X03"))
                    .ok()
            }
            PasswordSource::Shared { .. } => shared.get(&job.task).cloned().flatten(),
            PasswordSource::Uploaded => self.uploaded(job),
        }
    }

    /// The password that was uploaded for the account.
    fn uploaded(&self, job: &ResetJob) -> Option<SecretString> {
        let Some(sealed) = &job.uploaded else {
            error!(task = %job.task, item = %job.item, "the uploaded password of the item is gone; it fails with X03");
            return None;
        };
        self.open_key
            .open(sealed, Binding::Upload(job.district, job.task, job.account))
            .inspect_err(|reason| {
                error!(task = %job.task, item = %job.item, %reason, "the uploaded password of the item does not open; it fails with X03");
            })
            .ok()
    }
}
