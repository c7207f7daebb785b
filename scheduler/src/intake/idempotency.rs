//! What makes a repeated request recognisable: whose key it is, the key, and a fingerprint of the request.

use keybell_shared::actor::Actor;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::seal::hex;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The longest idempotency key, in characters.
pub const MAX_KEY: usize = 255;

/// Whose keys these are: the API key's id where there is one, because names can be given twice; the broker user of a
/// published request; otherwise the name.
#[must_use]
pub fn producer(actor: &Actor) -> String {
    match (actor.key, actor.broker_user()) {
        (Some(key), _) => key.to_string(),
        (None, Some(user)) => user.to_owned(),
        (None, None) => actor.name.clone(),
    }
}

/// Refuses keys that cannot be told apart reliably: missing, overlong, or with anything but printable ASCII.
pub(super) fn check_key(key: &str) -> Result<(), Problem> {
    let malformed = |code, detail: String| Err(Problem::new(ProblemKind::Malformed, code, detail));
    if key.trim().is_empty() {
        return malformed(
            "idempotency.missing",
            "the request needs a key of its own (header `Idempotency-Key`, AMQP `message_id`), so that a repetition \
             does not become a second task"
                .to_owned(),
        );
    }
    if key.len() > MAX_KEY || !key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return malformed(
            "idempotency.malformed",
            format!("the request's key must be at most {MAX_KEY} printable ASCII characters; a UUID is a good one"),
        );
    }
    Ok(())
}

/// The same key came with another request.
pub(super) fn mismatch() -> Problem {
    Problem::new(
        ProblemKind::Conflict,
        "idempotency.mismatch",
        "this key was used before, for another request; repeat that one unchanged or use a new key",
    )
}

/// The producer made as many requests within the last hour as it may.
pub(super) fn over_quota(allowed: u32) -> Problem {
    let detail = format!(
        "{allowed} requests of yours became tasks within the last hour, and your quota allows no more; publish this one \
         again later, with the same key, or ask for a larger quota (keybell producer allow --requests-per-hour)"
    );
    Problem::new(ProblemKind::Throttled, "quota.requests", detail)
}

/// SHA-256, in hexadecimal, over the request as JSON with sorted keys.
///
/// A shared password is left out (it is never serialised): even as a part of a hash that is stored, a password that
/// people choose could be found by trying. The price is that the same key with the same request and another password
/// counts as a repetition.
pub(super) fn fingerprint(request: &impl Serialize) -> Result<String, Problem> {
    let mut value = serde_json::to_value(request).map_err(|error| {
        tracing::error!(%error, "a request could not be written as JSON");
        Problem::new(ProblemKind::Internal, "internal", "something is wrong inside Keybell; the log says more")
    })?;
    // Not left to the map of serde_json, whose order depends on features that any other crate may switch on.
    sort_keys(&mut value);
    Ok(hex(&Sha256::digest(value.to_string().as_bytes())))
}

/// Puts the keys of every object in order.
fn sort_keys(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = std::mem::take(map).into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (key, mut member) in members {
                sort_keys(&mut member);
                map.insert(key, member);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(sort_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::json::parse;

    fn of(text: &str) -> String {
        fingerprint(&parse(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn order_spacing_defaults_and_the_password_do_not_matter_and_the_rest_does() {
        let base = of(r#"{"selection":{"scope":"all"},"reason":"lost"}"#);
        assert_eq!(base.len(), 64);
        assert_eq!(base, of(r#" { "reason":"lost", "version":1, "mode":"force", "selection":{"scope":"all"} } "#));
        assert_ne!(base, of(r#"{"selection":{"scope":"all"},"reason":"other"}"#));
        assert_ne!(base, of(r#"{"selection":{"scope":"without_role"},"reason":"lost"}"#));
        let shared = |value: &str| {
            of(&format!(
                r#"{{"selection":{{"scope":"all"}},"reason":"lost","password":{{"source":"shared","value":"{value}"}}}}"#
            ))
        };
        assert_eq!(shared("Otter-lamp-47"), shared("Quite-another-48"));
        assert_ne!(shared("Otter-lamp-47"), base);
    }
}
