//! Continuing the trace of a request when its task is worked on later, in whichever process that is.

use std::collections::{BTreeMap, HashMap};

use keybell_shared::ids::TaskId;
use keybell_shared::message::Message;
use keybell_shared::ports::ledger::{DispatchLedger, LedgerResult};
use keybell_shared::trace::{self, TraceParent};
use tracing::Span;

/// The traces of tasks; none, and the ledger is not asked, while spans are not recorded.
pub(crate) async fn of<L: DispatchLedger + ?Sized>(
    ledger: &L,
    tasks: &[TaskId],
) -> LedgerResult<HashMap<TaskId, TraceParent>> {
    if tasks.is_empty() || !trace::on() {
        return Ok(HashMap::new());
    }
    Ok(ledger.traces(tasks).await?.into_iter().collect())
}

/// Makes messages a part of their tasks' traces, below one span for each task, which `make` makes from the task and the
/// number of its messages. The spans end when they are dropped.
pub(crate) async fn continued<L: DispatchLedger + ?Sized>(
    ledger: &L,
    messages: &mut [Message],
    make: impl Fn(TaskId, usize) -> Span + Send + Sync,
) -> LedgerResult<Vec<Span>> {
    if messages.is_empty() || !trace::on() {
        return Ok(Vec::new());
    }
    let mut counts: BTreeMap<TaskId, usize> = BTreeMap::new();
    for message in messages.iter() {
        *counts.entry(message.task).or_default() += 1;
    }
    let tasks: Vec<TaskId> = counts.keys().copied().collect();
    let mut places = of(ledger, &tasks).await?;
    let mut spans = Vec::with_capacity(places.len());
    for (task, place) in &mut places {
        let span = trace::child(Some(*place), || make(*task, counts.get(task).copied().unwrap_or_default()));
        *place = trace::place(&span).unwrap_or(*place);
        spans.push(span);
    }
    for message in messages {
        message.trace = message.trace.or_else(|| places.get(&message.task).copied());
    }
    Ok(spans)
}
