//! Accepting a request.

use async_trait::async_trait;

use super::{Chosen, LedgerResult, Uploaded};
use crate::actor::Actor;
use crate::clock::{self, Millis};
use crate::ids::{AccountId, DistrictId, TaskId};
use crate::request::{ResetRequest, Selection};
use crate::seal::Sealed;

/// A checked request, ready to become a task.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// The id it will have.
    pub id: TaskId,
    /// Who asks.
    pub actor: Actor,
    /// The request; a shared password is not in it any more.
    pub request: ResetRequest,
    /// For `selected` and `all_except`: the named accounts, resolved.
    pub named: Vec<AccountId>,
    /// A shared password, sealed to the reset workers and bound to the district and the task.
    pub shared: Option<Sealed>,
    /// For uploaded passwords: what the file says of each of the named accounts.
    pub uploaded: Vec<Uploaded>,
    /// What makes a repetition recognisable.
    pub idempotency: Idempotency,
    /// Set when the task takes up items of another one: then `named` is empty, the selection is `selected`, and its
    /// accounts are the chosen items', as they stand in the transaction that accepts the task.
    pub reissue: Option<Reissue>,
    /// Set when the task starts what a trial run answered: it is started once, under whatever key.
    pub trial: Option<String>,
}

/// Items of an earlier task that a new one takes up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reissue {
    /// The earlier task, of the same district.
    pub parent: TaskId,
    /// Which of its items. Open ones and those being told are never among them.
    pub chosen: Chosen,
}

/// What makes a repeated request recognisable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose keys these are: an API key's id, a producer's name, `console`.
    pub producer: String,
    /// The caller's key for this request.
    pub key: String,
    /// SHA-256 over the request without its password, in hexadecimal.
    pub fingerprint: String,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// A new task was made.
    Accepted(TaskId),
    /// The same request had been accepted before, as this task.
    Repeated(TaskId),
    /// The key was used before, for another request.
    Mismatch,
    /// Its trial run was started before, as this task, under another key.
    Started(TaskId),
    /// The producer made as many requests within the last hour as it may: this many.
    OverQuota(u32),
}

/// Names resolved to accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The accounts, each once.
    pub found: Vec<AccountId>,
    /// The names that mean nobody in this district.
    pub unknown: Vec<String>,
}

/// How many accounts a selection means right now, by what would happen to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// They would be reset.
    pub eligible: u64,
    /// They would be skipped, by code.
    pub skipped: Vec<(crate::codes::Code, u64)>,
}

/// Names in a `where` clause that mean nothing in the district, by field.
pub type UnknownNames = Vec<(&'static str, String)>;

/// What the intake asks of the ledger.
#[async_trait]
pub trait IntakeLedger: Send + Sync {
    /// Finds accounts of a district by id, username (without regard to case) or roster id.
    async fn resolve_accounts(&self, district: DistrictId, names: &[String]) -> LedgerResult<Resolved>;

    /// The names and years of a `where` clause that nobody in the district has. The beginning of a name is never unknown.
    async fn unknown_names(&self, district: DistrictId, selection: &Selection) -> LedgerResult<UnknownNames>;

    /// What the district and its active schools are called, the district's short name first: a password that is given for
    /// them must not hold it. Nothing when there is no such district.
    async fn place_names(&self, district: DistrictId) -> LedgerResult<Vec<String>>;

    /// Counts whom a request means, as of now. The accounts that its selection names are `named`.
    async fn preview(&self, actor: &Actor, request: &ResetRequest, named: &[AccountId]) -> LedgerResult<Preview>;

    /// Counts whom a re-issue by this request means, as of now; nobody when there is no such task in the actor's district. The
    /// request's selection is not looked at.
    async fn preview_reissue(&self, actor: &Actor, reissue: &Reissue, request: &ResetRequest) -> LedgerResult<Preview>;

    /// The time by the ledger's clock, which decides whether a start lies ahead. A ledger in memory has its process's clock.
    async fn now(&self) -> LedgerResult<Millis> {
        Ok(clock::wall())
    }

    /// The answer to a request that had been accepted before under this key; `None` for a key that was never used. Asked
    /// before the request is checked: what was accepted once stays accepted, whatever the district looks like now.
    async fn known(&self, district: DistrictId, idempotency: &Idempotency) -> LedgerResult<Option<Acceptance>>;

    /// Writes down the idempotency key, the task, its events and the audit row in one transaction. After `Ok` nothing can
    /// lose it. A producer's quota is held exactly, and its request is answered (`request.accepted`), in the same
    /// transaction.
    async fn accept(&self, task: NewTask) -> LedgerResult<Acceptance>;
}
