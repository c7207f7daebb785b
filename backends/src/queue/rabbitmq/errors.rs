//! The client's errors in the port's words: what passes by itself, and what somebody has to put right.

use keybell_shared::error::QueueError;
use lapin::ErrorKind;

/// AMQP reply code: the user may not do this, or the credentials are wrong.
const ACCESS_REFUSED: u16 = 403;
/// AMQP reply code: there is no such exchange or queue.
const NOT_FOUND: u16 = 404;
/// AMQP reply code: it exists, but with other arguments.
const PRECONDITION_FAILED: u16 = 406;
/// AMQP reply code: for example an unknown virtual host.
const NOT_ALLOWED: u16 = 530;

/// The broker's reply code, if the broker said it.
fn code(error: &lapin::Error) -> Option<u16> {
    if let ErrorKind::ProtocolError(said) = error.kind() { Some(said.get_id()) } else { None }
}

/// Whether a queue or exchange does not exist.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    code(error) == Some(NOT_FOUND)
}

/// What went wrong with `what`.
pub(super) fn explain(what: &str, error: &lapin::Error) -> QueueError {
    match code(error) {
        Some(ACCESS_REFUSED) => QueueError::Refused(format!(
            "{what}: {error}; check the user and password in broker.url and the user's permissions (rabbitmqctl \
             list_permissions)"
        )),
        Some(NOT_ALLOWED) => QueueError::Refused(format!(
            "{what}: {error}; check the virtual host at the end of broker.url (rabbitmqctl list_vhosts)"
        )),
        _ => QueueError::Unavailable(format!("{what}: {error}")),
    }
}

/// What went wrong when `kind` (exchange or queue) `name` was declared.
pub(super) fn explain_declare(kind: &str, name: &str, error: &lapin::Error) -> QueueError {
    if code(error) != Some(PRECONDITION_FAILED) {
        return explain(&format!("declaring the {kind} `{name}`"), error);
    }
    QueueError::Refused(format!(
        "the {kind} `{name}` already exists with other arguments ({error}); stop every Keybell process, let the queue \
         run empty, delete it (rabbitmqctl delete_queue {name}; an exchange in the management page) and start again, \
         or set another broker.prefix; work that was in it is published again from the database"
    ))
}
