//! Reading one published request, and handing it to the intake.

use keybell_shared::ports::ledger::Producer;
use keybell_shared::ports::requests::RawRequest;
use keybell_shared::problem::Problem;
use keybell_shared::request::PasswordSource;

use crate::intake::{Intake, MAX_KEY, Submitted, idempotency, json};

/// Reads and submits one request.
pub(super) async fn accept(intake: &Intake, producer: &Producer, raw: &RawRequest) -> Result<Submitted, Problem> {
    let key = raw.message_id.as_deref().unwrap_or_default();
    idempotency::check_key(key)?;
    if !is_json(raw.content_type.as_deref()) {
        let detail = "the content type must be `application/json`, in UTF-8";
        return Err(json::malformed("body.content_type", detail));
    }
    if !is_plain(raw.content_encoding.as_deref()) {
        let detail = "the body must be sent as it is: leave `content_encoding` out";
        return Err(json::malformed("body.encoding", detail));
    }
    let request = json::parse(&raw.body)?;
    if matches!(request.password, PasswordSource::Shared { .. }) {
        let detail = "a shared password is not taken by AMQP, because it lay in clear on the broker's disk: use \
                      another one, over HTTPS";
        return Err(Problem::invalid("password.not_over_amqp", "password.value", detail));
    }
    let most = producer.quota.accounts_per_request;
    let submitted = intake.submit_within(&producer.actor, request, key, most).await?;
    tracing::debug!(task = %submitted.task, repeated = submitted.repeated, "a published request is a task");
    Ok(submitted)
}

/// Whether the content type says JSON in UTF-8.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(text) = content_type else { return false };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().is_some_and(|kind| kind == "application/json")
        && parts.all(|parameter| !parameter.starts_with("charset=") || parameter.trim_matches('"').ends_with("utf-8"))
}

/// Whether the body is not packed. Some clients name the character set here, which the content type should.
fn is_plain(content_encoding: Option<&str>) -> bool {
    let plain = ["", "identity", "utf-8", "utf8"];
    content_encoding.is_none_or(|encoding| plain.iter().any(|known| known.eq_ignore_ascii_case(encoding.trim())))
}

/// A message id as the ledger may store it, even a wrong one.
pub(super) fn printable(message_id: Option<&str>) -> String {
    let id = message_id.unwrap_or_default();
    id.chars().take(MAX_KEY).map(|c| if c.is_control() { '?' } else { c }).collect()
}
