//! The AMQP door: requests that upstream applications publish.
//!
//! The producer's name, checked by the broker, and the message id are the idempotency key. A request is acknowledged
//! after the ledger has committed it, or committed its refusal; what cannot be attributed to anybody goes to the dead
//! letters. While the ledger is away, the request in hand is kept and tried again: to hand it back would only wear out
//! the broker's delivery limit.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::actor::Actor;
use keybell_shared::clock::Stopwatch;
use keybell_shared::error::QueueError;
use keybell_shared::ports::ledger::IntakeLedger;
use keybell_shared::ports::requests::{RawRequest, RequestConsumer, RequestQueue};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::PasswordSource;
use tokio_util::sync::CancellationToken;

use super::{Intake, MAX_KEY, idempotency, json};
use crate::outage::{Failure, Outage};

/// Unacknowledged requests in hand. Few, because each of them counts as delivered once more when the connection is lost.
const PREFETCH: u16 = 8;

/// How long one request is tried before it is handed back; well below the broker's own patience of 30 minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often a request may meet a defect of ours before it goes to the dead letters, where it is logged and dropped.
const MAX_DEFECTS: u32 = 5;

/// A connection that lived this long counts as sound, even when no request came.
const SOUND_AFTER: Duration = Duration::from_secs(5);

/// The entries of a refusal that are repeated to the application.
const ENTRIES: usize = 20;

/// Takes requests until `soft`; the one in hand is finished. Reconnects whenever the broker was away.
pub async fn run(
    queue: Arc<dyn RequestQueue>,
    ledger: Arc<dyn IntakeLedger>,
    intake: Arc<Intake>,
    soft: CancellationToken,
) {
    let mut connection = Outage::new("request door");
    let mut door = Door { ledger, intake, soft: soft.clone(), outage: Outage::new("request intake") };
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
enum Answer {
    /// The ledger knows everything.
    Ack,
    /// To the dead letters, for this reason.
    Reject(&'static str),
}

struct Door {
    ledger: Arc<dyn IntakeLedger>,
    intake: Arc<Intake>,
    soft: CancellationToken,
    outage: Outage,
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
            // An answer that is lost does no harm: the request comes again and is known by its key.
            match self.settle(&raw).await.ok_or_else(handed_back)? {
                Answer::Ack => consumer.answers.ack(&[raw.tag]).await?,
                Answer::Reject(code) => {
                    tracing::warn!(code, producer = ?raw.producer, "a published request goes to the dead letters");
                    consumer.answers.reject(raw.tag).await?;
                }
            }
        }
    }

    /// Answers one request, as often as it takes. `None`: it is handed back.
    async fn settle(&mut self, raw: &RawRequest) -> Option<Answer> {
        let since = Stopwatch::start();
        let mut defects = 0;
        loop {
            let failure = match self.answer(raw).await {
                Ok(answer) => {
                    self.outage.over();
                    return Some(answer);
                }
                Err(failure) => failure,
            };
            if !failure.is_passing() {
                defects += 1;
                if defects >= MAX_DEFECTS {
                    return Some(Answer::Reject("internal"));
                }
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

    /// Answers one request, once.
    async fn answer(&self, raw: &RawRequest) -> Result<Answer, Failure> {
        let Some(name) = raw.producer.as_deref() else { return Ok(Answer::Reject("origin.unknown")) };
        let Some(actor) = self.ledger.producer(name).await? else { return Ok(Answer::Reject("origin.unknown")) };
        match self.accept(&actor, raw).await {
            Ok(()) => Ok(Answer::Ack),
            Err(problem) if is_ours(problem.kind) => Err(problem.into()),
            Err(problem) => {
                tracing::info!(producer = ?name, code = problem.code, field = ?problem.field, "a published request is refused");
                self.ledger
                    .refuse(&actor, &printable(raw.message_id.as_deref()), problem.code, &told(&problem))
                    .await?;
                Ok(Answer::Ack)
            }
        }
    }

    /// Reads and submits one request.
    async fn accept(&self, actor: &Actor, raw: &RawRequest) -> Result<(), Problem> {
        let key = raw.message_id.as_deref().unwrap_or_default();
        idempotency::check_key(key)?;
        if !is_json(raw.content_type.as_deref()) {
            let detail = "the content type must be `application/json`, in UTF-8";
            return Err(json::malformed("body.content_type", detail));
        }
        let request = json::parse(&raw.body)?;
        if matches!(request.password, PasswordSource::Shared { .. }) {
            let detail = "a shared password is not taken by AMQP, because it lay in clear on the broker's disk: use \
                          another one, over HTTPS";
            return Err(Problem::invalid("password.not_over_amqp", "password.value", detail));
        }
        let submitted = self.intake.submit(actor, request, key).await?;
        tracing::debug!(task = %submitted.task, repeated = submitted.repeated, "a published request is a task");
        Ok(())
    }
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

/// Whether the content type says JSON in UTF-8.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(text) = content_type else { return false };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().is_some_and(|kind| kind == "application/json")
        && parts.all(|parameter| !parameter.starts_with("charset=") || parameter.trim_matches('"').ends_with("utf-8"))
}

/// A message id as the ledger may store it, even a wrong one.
fn printable(message_id: Option<&str>) -> String {
    let id = message_id.unwrap_or_default();
    id.chars().take(MAX_KEY).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The reason as the application reads it: the field, what happened, and the entries that are meant.
fn told(problem: &Problem) -> String {
    let field = problem.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
    let entries = match problem.entries.len() {
        0 => String::new(),
        count => {
            let shown: Vec<&str> = problem.entries.iter().take(ENTRIES).map(String::as_str).collect();
            let more = if count > ENTRIES { format!(" and {} more", count - ENTRIES) } else { String::new() };
            format!(" [{}{more}]", shown.join(", "))
        }
    };
    format!("{field}{}{entries}", problem.detail)
}

#[cfg(test)]
mod tests;
