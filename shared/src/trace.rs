//! The thread that ties one request's spans together, over processes: the W3C trace context.
//!
//! This room knows the text form (`traceparent`) and where spans are made; whether spans are recorded, and where they
//! go, is decided once, at the start, by whoever calls [`install`]. Without that call nothing here costs anything: no
//! span is made, and a context that came with a message is only handed on.
//!
//! A context says who belongs together and nothing else. It is never trusted: a forged one can only put somebody's spans
//! into the wrong picture. Invalid ones, and versions that this build does not know, are ignored.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tracing::Span;

/// The target of every span that may be exported. Nothing else is: not the log lines, and not the spans of libraries.
pub const TARGET: &str = "keybell_trace";

/// The name of the message header, for HTTP and AMQP.
pub const HEADER: &str = "traceparent";

/// One place in one trace: version 00 of the W3C `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    sampled: bool,
}

/// Text that is no trace context of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no traceparent of version 00")]
pub struct NoTraceParent;

impl TraceParent {
    /// A place in a trace; `None` for ids that are not valid.
    #[must_use]
    pub const fn new(trace: u128, span: u64, sampled: bool) -> Option<Self> {
        if trace == 0 || span == 0 { None } else { Some(Self { trace, span, sampled }) }
    }

    /// The trace's id.
    #[must_use]
    pub const fn trace(self) -> u128 {
        self.trace
    }

    /// The span's id.
    #[must_use]
    pub const fn span(self) -> u64 {
        self.span
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub const fn sampled(self) -> bool {
        self.sampled
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let mut parts = text.split('-');
        let mut part = |length: usize| {
            let digits =
                |word: &&str| word.len() == length && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            parts.next().filter(digits).ok_or(NoTraceParent)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        if version != "00" || parts.next().is_some() {
            return Err(NoTraceParent);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NoTraceParent)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NoTraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NoTraceParent)?;
        Self::new(trace, span, flags & 1 == 1).ok_or(NoTraceParent)
    }
}

/// What the program does with spans; installed once, if spans are recorded.
pub trait Recorder: Send + Sync {
    /// The place of a span in its trace.
    fn place(&self, span: &Span) -> Option<TraceParent>;

    /// Makes a new span, one that was not entered yet, the child of that place.
    fn adopt(&self, span: &Span, parent: TraceParent);
}

static RECORDER: OnceLock<Box<dyn Recorder>> = OnceLock::new();

/// Turns the recording of spans on, for the rest of the process. Only the first call counts.
pub fn install(recorder: Box<dyn Recorder>) {
    drop(RECORDER.set(recorder));
}

/// Whether spans are recorded.
#[must_use]
pub fn on() -> bool {
    RECORDER.get().is_some()
}

/// The place of the current span, if spans are recorded.
#[must_use]
pub fn current() -> Option<TraceParent> {
    place(&Span::current())
}

/// The place of this span, if spans are recorded.
#[must_use]
pub fn place(span: &Span) -> Option<TraceParent> {
    RECORDER.get().and_then(|recorder| recorder.place(span))
}

/// A span below `parent`: `make` is called only when spans are recorded and the parent's trace is one of them. The
/// field `trace_id`, if `make` declares it, is filled in, so that log lines show it.
pub fn child(parent: Option<TraceParent>, make: impl FnOnce() -> Span) -> Span {
    match (RECORDER.get(), parent) {
        (Some(recorder), Some(parent)) if parent.sampled => {
            let span = make();
            recorder.adopt(&span, parent);
            note_trace_id(&span, parent);
            span
        }
        _ => Span::none(),
    }
}

/// Ties a span that was just made to the context that came from outside, if there is one, and fills in its field
/// `trace_id`. Without a recorder nothing happens.
pub fn begin(span: &Span, parent: Option<TraceParent>) {
    let Some(recorder) = RECORDER.get() else { return };
    if let Some(parent) = parent {
        recorder.adopt(span, parent);
    }
    if let Some(place) = recorder.place(span) {
        note_trace_id(span, place);
    }
}

fn note_trace_id(span: &Span, place: TraceParent) {
    span.record("trace_id", tracing::field::display(format_args!("{:032x}", place.trace)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_text_form_survives() {
        let parsed: TraceParent = GOOD.parse().expect("valid");
        assert_eq!(parsed.to_string(), GOOD);
        assert!(parsed.sampled());
        let unsampled = GOOD.replace("-01", "-00");
        assert_eq!(unsampled.parse::<TraceParent>().map(TraceParent::sampled), Ok(false));
    }

    #[test]
    fn what_is_no_context_is_ignored() {
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("00", "01", 1),
            &format!("{GOOD}-00"),
            &GOOD.replace("00f067aa0ba902b7", "0000000000000000"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace('b', "\u{e9}"),
            &format!(" {GOOD}"),
            "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(NoTraceParent), "{bad}");
        }
    }

    #[test]
    fn without_a_recorder_no_span_is_made() {
        let parent = GOOD.parse().ok();
        let span = child(parent, || panic!("a span nobody records"));
        assert!(span.is_none() && !on() && current().is_none());
    }
}
