//! One batch: handled, and each delivery answered as its verdict says.

use std::sync::Arc;

use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::message::Message;
use keybell_shared::metrics::{Gauge, SourceMetrics};
use keybell_shared::ports::queue::{Acks, Delivery, Source};
use keybell_shared::verdict::Verdict;
use tracing::{debug, error, warn};

use super::{Handler, spans};

/// How a batch ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BatchEnd {
    /// Every delivery was answered.
    Settled,
    /// At least one was left unacknowledged, so that the broker brings it again.
    Unsettled(String),
}

/// Messages in a handler's hands, counted as long as this lives: a panic or a hard stop counts them off too.
struct InFlight(Gauge, i64);

impl InFlight {
    fn new(gauge: &Gauge, messages: usize) -> Self {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        gauge.inc_by(messages);
        Self(gauge.clone(), messages)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec_by(self.1);
    }
}

/// Handles a batch.
pub(super) async fn work(
    handler: Arc<dyn Handler>,
    acks: Arc<dyn Acks>,
    deliveries: Vec<Delivery>,
    metrics: SourceMetrics,
) -> BatchEnd {
    let source = handler.source();
    let mut messages = Vec::with_capacity(deliveries.len());
    let mut tags = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match readable(source, &delivery) {
            Ok(message) => {
                messages.push(message);
                tags.push(delivery.tag);
            }
            Err(reason) => {
                metrics.unreadable.inc();
                refuse(source, acks.as_ref(), delivery.tag, &reason).await;
            }
        }
    }
    if messages.is_empty() {
        return BatchEnd::Settled;
    }
    if fault::off(Mechanism::AckLast) && acks.ack(&tags).await.is_err() {
        return BatchEnd::Unsettled("not acknowledged".to_owned());
    }
    let spans = spans::open(&mut messages);
    let (watch, in_flight) = (Stopwatch::start(), InFlight::new(&metrics.in_flight, messages.len()));
    let verdicts = handler.handle(messages.clone()).await;
    drop(in_flight);
    let seconds = watch.elapsed().as_secs_f64();
    if verdicts.len() != messages.len() {
        error!(?source, messages = messages.len(), verdicts = verdicts.len(), "a handler left messages unanswered");
    }
    let mut verdicts = verdicts.into_iter();
    let mut done = Vec::with_capacity(tags.len());
    let mut unsettled = None;
    for (at, (message, tag)) in messages.iter().zip(tags).enumerate() {
        metrics.handling_seconds.observe(seconds);
        let verdict = verdicts.next().unwrap_or_else(|| Verdict::Unsettled("the handler gave no verdict".to_owned()));
        spans::close(&spans, at, &verdict);
        match verdict {
            Verdict::Done => {
                metrics.done.inc();
                done.push(tag);
            }
            Verdict::GiveUp(reason) => {
                metrics.given_up.inc();
                give_up(source, acks.as_ref(), message, tag, &reason).await;
            }
            Verdict::Unsettled(reason) => {
                metrics.unsettled.inc();
                unsettled = unsettled.or(Some(reason));
            }
        }
    }
    if !done.is_empty()
        && let Err(error) = acks.ack(&done).await
    {
        // They come again, and the ledger knows that they are done.
        debug!(?source, %error, messages = done.len(), "handled, but not acknowledged");
    }
    unsettled.map_or(BatchEnd::Settled, BatchEnd::Unsettled)
}

/// The message, if it is one and lies in the right queue.
fn readable(source: Source, delivery: &Delivery) -> Result<Message, String> {
    let message = delivery.message.as_ref().map_err(ToString::to_string)?;
    match source {
        Source::Stage(stage) if stage != message.stage() => {
            Err(format!("a message of the stage `{}` lies in the queue of `{stage}`", message.stage()))
        }
        Source::Stage(_) | Source::Dead => Ok(*message),
    }
}

/// Bytes that can never be handled: to the dead letters, and out of them for good. The body is not logged.
async fn refuse(source: Source, acks: &dyn Acks, tag: u64, reason: &str) {
    let answer = match source {
        Source::Stage(_) => {
            warn!(?source, reason, "unreadable message rejected to the dead letters");
            acks.reject(tag).await
        }
        Source::Dead => {
            error!(reason, "unreadable dead letter dropped; find out who publishes to the work queues");
            acks.ack(&[tag]).await
        }
    };
    if let Err(error) = answer {
        debug!(?source, %error, "unreadable message not answered; it comes again");
    }
}

/// A message that cannot be handled now or later: to the dead letters, where it has a second life.
async fn give_up(source: Source, acks: &dyn Acks, message: &Message, tag: u64, reason: &str) {
    let Message { district, task, work, dispatch, .. } = message;
    warn!(?source, %district, %task, ?work, dispatch, reason, "given up");
    let answer = match source {
        Source::Stage(_) => acks.reject(tag).await,
        // There is nothing behind the dead letters; the repair scan finds what is still open in the ledger.
        Source::Dead => acks.ack(&[tag]).await,
    };
    if let Err(error) = answer {
        debug!(?source, %error, "given up, but not rejected; it comes again");
    }
}
