//! Tasks about a fixture's people, brought to where a test begins.

use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Acceptance, Chunk, ExpansionLedger, Idempotency, IntakeLedger, NewTask};
use keybell_shared::request::ResetRequest;
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
    let new = NewTask {
        id,
        actor: actor.clone(),
        request,
        named: resolved.found,
        shared: None,
        uploaded: Vec::new(),
        idempotency,
        reissue: None,
        trial: None,
    };
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
            Chunk::Finished(_) => return,
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
