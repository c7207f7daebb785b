//! What upstream applications may hear of: every kind of event, with its facts.
//!
//! The ledger's journal writes a [`Fact`] and nothing else, and [`catalogue`] describes the same types for the schemas
//! and the AsyncAPI document. Facts hold ids, counts and codes only: no name, no address, no password. A changed username
//! is the one exception: whoever keeps sessions by username must hear of it.

mod bodies;

use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

pub use bodies::*;

/// A kind of event, for the documents.
pub struct Kind {
    /// The word, such as `task.completed`.
    pub kind: &'static str,
    /// The name of the type of its facts.
    pub name: &'static str,
    /// What happened.
    pub summary: &'static str,
    /// The schema of its facts.
    pub schema: RefOr<Schema>,
    /// The schemas that this one refers to.
    pub parts: Vec<(String, RefOr<Schema>)>,
}

macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $variant:ident($body:ident) = $kind:literal,)+) => {
        /// Something that happened, with its facts.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fact {
            $($(#[doc = $doc])+ $variant($body),)+
        }

        impl Fact {
            /// The word of its kind.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }

            /// The facts as a JSON object.
            ///
            /// # Errors
            /// Never, as far as anybody knows: nothing in a fact can fail to serialise.
            pub fn body(&self) -> serde_json::Result<Value> {
                match self {
                    $(Self::$variant(body) => serde_json::to_value(body),)+
                }
            }
        }

        /// Every kind of event.
        #[must_use]
        pub fn catalogue() -> Vec<Kind> {
            vec![$({
                let mut parts = Vec::new();
                $body::schemas(&mut parts);
                Kind {
                    kind: $kind,
                    name: stringify!($body),
                    summary: concat!($($doc),+).trim_ascii(),
                    schema: $body::schema(),
                    parts,
                }
            },)+]
        }
    };
}

facts! {
    /// A published request is a task now, or has been one before. Only its producer is answered.
    RequestAccepted(RequestAccepted) = "request.accepted",
    /// A published request is refused and has changed nothing. Only its producer is answered.
    RequestRefused(RequestRefused) = "request.refused",
    /// A request became a task, whatever door it came through.
    TaskAccepted(TaskAccepted) = "task.accepted",
    /// The task's accounts are written down, and a second person must approve them before anything changes.
    TaskAwaitingApproval(TaskAwaiting) = "task.awaiting_approval",
    /// A second person has approved the task's accounts.
    TaskApproved(TaskApproved) = "task.approved",
    /// The task's accounts are written down, and their passwords begin to change.
    TaskStarted(TaskStarted) = "task.started",
    /// The task is paused: no further password changes until it goes on.
    TaskPaused(TaskChanged) = "task.paused",
    /// The task goes on.
    TaskResumed(TaskChanged) = "task.resumed",
    /// A cancel was asked for, and the task's open items are being closed.
    TaskCancelling(TaskChanged) = "task.cancelling",
    /// The task is cancelled: no further password of it changes.
    TaskCancelled(TaskChanged) = "task.cancelled",
    /// Every account of the task has its outcome.
    TaskCompleted(TaskChanged) = "task.completed",
    /// The task could not be carried out, and has changed nothing.
    TaskFailed(TaskChanged) = "task.failed",
    /// People of a task are told again.
    TaskResent(TaskResent) = "task.resent",
    /// A reset has changed an account's password: end the sessions that began before.
    CredentialReset(CredentialReset) = "account.credential_reset",
    /// A person is asked to choose a new password at the next sign-in; password and sessions stay.
    ChangeRequested(ChangeRequested) = "account.change_requested",
    /// A person has chosen a new password: end the sessions that began before.
    PasswordChanged(PasswordChanged) = "account.password_changed",
    /// A webhook is disabled: nothing goes out to it until somebody enables it.
    WebhookDisabled(WebhookDisabled) = "webhook.disabled",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_once_and_its_facts_are_an_object() {
        let all = catalogue();
        for kind in &all {
            assert_eq!(all.iter().filter(|other| other.kind == kind.kind).count(), 1, "{}", kind.kind);
            let schema = serde_json::to_value(&kind.schema).expect("a schema");
            assert_eq!(schema["type"], "object", "{}", kind.kind);
            assert!(kind.summary.ends_with('.'), "{}", kind.summary);
        }
    }
}
