//! The AMQP door: requests that upstream applications publish.
//!
//! The producer's name, checked by the broker, and the message id are the idempotency key. A request is acknowledged
//! after the ledger has committed it, or committed its refusal, and with either the answer to its producer. Requests of
//! nobody are dropped and counted: there is no one to answer. While the ledger is away, the request in hand is kept and
//! tried again: to hand it back would only wear out the broker's delivery limit.

mod answer;
mod strangers;

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::error::QueueError;
use keybell_shared::events::RequestRefused;
use keybell_shared::fault::{self, Window};
use keybell_shared::metrics;
use keybell_shared::ports::ledger::{Producer, ProducerLedger};
use keybell_shared::ports::requests::{RawRequest, RequestConsumer, RequestQueue};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::trace::{self, TARGET};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tracing::field::Empty;

use self::strangers::Strangers;
use super::Intake;
use crate::outage::{Failure, Outage};

/// Unacknowledged requests in hand. Few, because each of them counts as delivered once more when the connection is lost.
const PREFETCH: u16 = 8;

/// How long one request is tried before it is handed back; well below the broker's own patience of 30 minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often a request may meet a defect of ours before it is refused.
const MAX_DEFECTS: u32 = 5;

/// A connection that lived this long counts as sound, even when no request came.
const SOUND_AFTER: Duration = Duration::from_secs(5);

/// Takes requests until `soft`; the one in hand is finished. Reconnects whenever the broker was away.
pub async fn run(
    queue: Arc<dyn RequestQueue>,
    ledger: Arc<dyn ProducerLedger>,
    intake: Arc<Intake>,
    soft: CancellationToken,
) {
    let mut connection = Outage::new("request door");
    let outage = Outage::new("request intake");
    let mut door = Door { ledger, intake, soft: soft.clone(), outage, strangers: Strangers::default() };
    while !soft.is_cancelled() {
        let consumer = tokio::select! {
            () = soft.cancelled() => return,
            consumer = queue.consume(PREFETCH) => consumer,
        };
        let served = match consumer {
            Ok(consumer) => door.serve(consumer, &mut connection).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            let pause = connection.failed(&error.into());
            tokio::select! {
                () = soft.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// The ledger knows everything.
    Settled,
    /// Nobody vouches for it: there is nobody to answer.
    Nobodys,
    /// The ledger can take neither the request nor its refusal.
    Hopeless,
}

struct Door {
    ledger: Arc<dyn ProducerLedger>,
    intake: Arc<Intake>,
    soft: CancellationToken,
    outage: Outage,
    strangers: Strangers,
}

impl Door {
    /// Takes requests from one connection until the process stops or, an error, it is lost. Dropping the consumer hands
    /// back what is unacknowledged.
    async fn serve(&mut self, mut consumer: RequestConsumer, connection: &mut Outage) -> Result<(), QueueError> {
        let lost = || QueueError::Unavailable("the connection was lost".to_owned());
        loop {
            let raw = tokio::select! {
                () = self.soft.cancelled() => return consumer.answers.stop().await,
                () = tokio::time::sleep(SOUND_AFTER) => {
                    connection.over();
                    continue;
                }
                raw = consumer.requests.recv() => raw,
            };
            let raw = raw.ok_or_else(lost)?;
            connection.over();
            let handed_back = || QueueError::Unavailable("a request was handed back, to be tried later".to_owned());
            // An acknowledgement that is lost does no harm: the request comes again and is known by its key.
            let span = if trace::on() {
                tracing::info_span!(target: TARGET, "published request", trace_id = Empty)
            } else {
                tracing::Span::none()
            };
            trace::begin(&span, raw.trace);
            match self.settle(&raw).instrument(span).await.ok_or_else(handed_back)? {
                Fate::Settled => {
                    fault::point(Window::PublishedRequestCommitted).await;
                    consumer.answers.ack(&[raw.tag]).await?;
                }
                Fate::Nobodys => {
                    metrics::get().scheduler.request("dropped");
                    self.strangers.dropped(raw.producer.as_deref());
                    consumer.answers.ack(&[raw.tag]).await?;
                }
                Fate::Hopeless => {
                    metrics::get().scheduler.request("rejected");
                    tracing::error!(
                        producer = ?raw.producer,
                        message_id = ?raw.message_id,
                        "a published request can neither be accepted nor refused, and goes to the dead letters"
                    );
                    consumer.answers.reject(raw.tag).await?;
                }
            }
        }
    }

    /// Settles one request, as often as it takes. `None`: it is handed back.
    async fn settle(&mut self, raw: &RawRequest) -> Option<Fate> {
        let since = Stopwatch::start();
        let mut defects = 0;
        loop {
            let failure = match self.once(raw, defects).await {
                Ok(fate) => {
                    self.outage.over();
                    return Some(fate);
                }
                Err(failure) => failure,
            };
            if !failure.is_passing() {
                if defects >= MAX_DEFECTS {
                    return Some(Fate::Hopeless);
                }
                defects += 1;
            }
            let pause = self.outage.failed(&failure);
            if since.elapsed() >= PATIENCE {
                return None;
            }
            tokio::select! {
                () = self.soft.cancelled() => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Settles one request that has met so many defects of ours.
    async fn once(&self, raw: &RawRequest, defects: u32) -> Result<Fate, Failure> {
        let Some(name) = raw.producer.as_deref() else { return Ok(Fate::Nobodys) };
        let Some(producer) = self.ledger.producer(name).await? else { return Ok(Fate::Nobodys) };
        if defects >= MAX_DEFECTS {
            return self.refuse(&producer, name, raw, &defective()).await;
        }
        match answer::accept(&self.intake, &producer, raw).await {
            Ok(submitted) => {
                metrics::get().scheduler.request(if submitted.repeated { "repeated" } else { "accepted" });
                if submitted.repeated {
                    // The first one was answered when it was committed; who asks again may have missed that.
                    let key = raw.message_id.as_deref().unwrap_or_default();
                    self.ledger.answer_repetition(&producer.actor, key, submitted.task).await?;
                }
                Ok(Fate::Settled)
            }
            Err(problem) if is_ours(problem.kind) => Err(problem.into()),
            Err(problem) => self.refuse(&producer, name, raw, &problem).await,
        }
    }

    /// Answers a request with its refusal.
    async fn refuse(
        &self,
        producer: &Producer,
        name: &str,
        raw: &RawRequest,
        problem: &Problem,
    ) -> Result<Fate, Failure> {
        tracing::info!(producer = name, code = problem.code, field = ?problem.field, "a published request is refused");
        let refusal = RequestRefused::new(name, &answer::printable(raw.message_id.as_deref()), problem);
        self.ledger.refuse(&producer.actor, &refusal).await?;
        metrics::get().scheduler.request("refused");
        Ok(Fate::Settled)
    }
}

/// The request met a defect of ours again and again.
fn defective() -> Problem {
    let detail = "something is wrong inside Keybell, and its log says more; publish the request again, with the same \
                  message_id, once that is repaired";
    Problem::new(ProblemKind::Internal, "internal", detail)
}

/// Whether the fault lies with us, so that the same request may succeed later.
const fn is_ours(kind: ProblemKind) -> bool {
    match kind {
        ProblemKind::Unavailable | ProblemKind::Internal => true,
        ProblemKind::Malformed
        | ProblemKind::Invalid
        | ProblemKind::Unauthenticated
        | ProblemKind::Forbidden
        | ProblemKind::NotFound
        | ProblemKind::Conflict
        | ProblemKind::Throttled
        | ProblemKind::TooLarge => false,
    }
}

#[cfg(test)]
mod tests;
