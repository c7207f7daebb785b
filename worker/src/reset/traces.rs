//! The traces that the items of a batch belong to.

use std::collections::HashMap;

use keybell_shared::ids::ItemId;
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::ResetWrite;
use keybell_shared::trace::{self, TARGET, TraceParent};
use tracing::Span;
use tracing::field::Empty;

/// Traces by item; empty, and without an allocation, while none is recorded.
pub(super) struct Traces(HashMap<ItemId, TraceParent>);

impl Traces {
    /// Those of a batch.
    pub(super) fn of(batch: &[Message]) -> Self {
        let place = |message: &Message| match message.work {
            Work::Reset(item) => Some((item, message.trace?)),
            Work::Email(_) | Work::Sms(_) => None,
        };
        Self(batch.iter().filter_map(place).collect())
    }

    /// The notification of an item, as a part of the item's trace.
    pub(super) fn continued(&self, item: ItemId, message: Message) -> Message {
        Message { trace: message.trace.or_else(|| self.0.get(&item).copied()), ..message }
    }

    /// The spans of a group's transaction, one in each item's trace. They end when they are dropped.
    pub(super) fn commits(&self, writes: &[ResetWrite]) -> Vec<Span> {
        if self.0.is_empty() || !trace::on() {
            return Vec::new();
        }
        let resets = writes.len();
        let span = |write: &ResetWrite| {
            trace::child(
                self.0.get(&write.item).copied(),
                || tracing::info_span!(target: TARGET, "commit", item = %write.item, resets, trace_id = Empty),
            )
        };
        writes.iter().map(span).collect()
    }
}
