//! Tasks about a fixture's people, brought to where a test begins.

use std::time::Duration;

use keybell_shared::actor::Actor;
use keybell_shared::ids::{AttemptId, ItemId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, Chunk, DispatchLedger, ExpansionLedger, Idempotency, IntakeLedger, NewTask, ResetJob, ResetLedger,
    ResetOutcome, ResetWrite,
};
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::Sealed;
use serde_json::json;

/// A request from its JSON, as a caller would write it; `reason` is added.
///
/// # Panics
/// When it is no request.
#[must_use]
pub fn request(mut body: serde_json::Value) -> ResetRequest {
    if let Some(fields) = body.as_object_mut() {
        fields.entry("reason").or_insert(json!("start_of_year"));
    }
    serde_json::from_value(body).expect("a reset request")
}

/// Accepts a request under an idempotency key of its own; named accounts are resolved.
///
/// # Panics
/// When the ledger refuses, or a name is unknown.
pub async fn accept<L: IntakeLedger>(ledger: &L, actor: &Actor, request: ResetRequest) -> TaskId {
    let resolved =
        ledger.resolve_accounts(actor.district, &request.selection.accounts).await.expect("the named accounts");
    assert!(resolved.unknown.is_empty(), "unknown accounts: {:?}", resolved.unknown);
    let id = TaskId::fresh();
    let idempotency =
        Idempotency { producer: actor.name.clone(), key: id.to_string(), fingerprint: format!("of {id}") };
    let new = NewTask { id, actor: actor.clone(), request, named: resolved.found, shared: None, idempotency };
    let acceptance = ledger.accept(new).await.expect("the request is accepted");
    assert_eq!(acceptance, Acceptance::Accepted(id));
    id
}

/// Expands a task to its end, in chunks of 1,000.
///
/// # Panics
/// When the ledger refuses, or the task was not expanding.
pub async fn expand<L: ExpansionLedger>(ledger: &L, task: TaskId) {
    loop {
        match ledger.expand_chunk("test", task, 1_000).await.expect("a chunk") {
            Chunk::More(_) => {}
            Chunk::Finished => return,
            Chunk::NotExpanding => panic!("task {task} is not expanding"),
        }
    }
}

/// Accepts a request and expands it: a running task.
///
/// # Panics
/// See [`accept`] and [`expand`].
pub async fn task<L: IntakeLedger + ExpansionLedger>(ledger: &L, actor: &Actor, request: ResetRequest) -> TaskId {
    let id = accept(ledger, actor, request).await;
    expand(ledger, id).await;
    id
}

/// Queues the task's pending items, at most 1,000, as the dispatcher would, and answers them.
///
/// # Panics
/// When the ledger refuses.
pub async fn queue<L: DispatchLedger>(ledger: &L, task: TaskId) -> Vec<ItemId> {
    let pending = ledger.pending(task, 1_000).await.expect("the pending items");
    let items: Vec<ItemId> = pending.into_iter().map(|(item, _)| item).collect();
    ledger.mark_queued(&items).await.expect("the items are queued");
    items
}

/// What a worker would store for a job: a hash that is none, a seal that nobody opens, 7 days.
#[must_use]
pub fn write(job: &ResetJob) -> ResetWrite {
    let attempt = AttemptId::fresh();
    let days = Duration::from_hours(7 * 24);
    ResetWrite {
        item: job.item,
        account: job.account,
        attempt,
        hash: format!("$argon2id$test${attempt}"),
        sealed: Some(Sealed { key_id: "test".to_owned(), bytes: vec![7; 176] }),
        expires_in: job.request.expiry_hours().map(|hours| Duration::from_secs(u64::from(hours) * 3_600)),
        seal_ttl: days,
    }
}

/// Queues the task's pending items and resets them in one group, as a worker would.
///
/// # Panics
/// When the ledger refuses.
pub async fn reset<L: DispatchLedger + ResetLedger>(ledger: &L, task: TaskId) -> Vec<(ItemId, ResetOutcome)> {
    let items = queue(ledger, task).await;
    let jobs = ledger.reset_jobs(&items).await.expect("the jobs");
    let writes: Vec<ResetWrite> = jobs.iter().map(write).collect();
    ledger.commit_resets("test", &writes).await.expect("the resets are stored")
}
