//! One span for each message whose trace is recorded, from its hand-over to its verdict.
//!
//! A batch holds messages of many traces, so the spans are not entered: whatever a handler does for one message is tied
//! to it by the message's own `trace`, which is the place of this span from here on.

use keybell_shared::message::{Message, Work};
use keybell_shared::trace::{self, TARGET};
use keybell_shared::verdict::Verdict;
use tracing::Span;
use tracing::field::Empty;

/// Opens the spans of a batch. Without a recorded trace there is none, and nothing is allocated.
pub(super) fn open(messages: &mut [Message]) -> Vec<Span> {
    if !trace::on() || messages.iter().all(|message| message.trace.is_none()) {
        return Vec::new();
    }
    messages
        .iter_mut()
        .map(|message| {
            let span = trace::child(message.trace, || make(message));
            message.trace = trace::place(&span).or(message.trace);
            span
        })
        .collect()
}

fn make(message: &Message) -> Span {
    let Message { district, task, work, dispatch, .. } = message;
    match work {
        Work::Reset(item) => tracing::info_span!(target: TARGET, "reset", %district, %task, %item, dispatch,
            verdict = Empty, trace_id = Empty),
        Work::Email(notification) => tracing::info_span!(target: TARGET, "email", %district, %task, %notification,
            verdict = Empty, trace_id = Empty),
        Work::Sms(notification) => tracing::info_span!(target: TARGET, "sms", %district, %task, %notification,
            verdict = Empty, trace_id = Empty),
    }
}

/// Notes the verdict with the message at this place of the batch. The reason of a verdict stays in the log.
pub(super) fn close(spans: &[Span], at: usize, verdict: &Verdict) {
    if let Some(span) = spans.get(at) {
        let word = match verdict {
            Verdict::Done => "done",
            Verdict::GiveUp(_) => "given_up",
            Verdict::Unsettled(_) => "unsettled",
        };
        span.record("verdict", word);
    }
}
