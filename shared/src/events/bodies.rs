//! The facts of each kind of event, as they are written, sent and documented.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{AccountId, ItemId, TaskId, WebhookId};
use crate::problem::Problem;
use crate::states::TaskState;

/// The entries of a refusal that are repeated to the application.
pub const MAX_ENTRIES: usize = 20;

/// A published request is a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestAccepted {
    /// Who published it: the broker user.
    pub producer: String,
    /// The application's own id of the request.
    pub message_id: String,
    /// The task that it is.
    pub task: TaskId,
    /// Whether the same request had been accepted before, as this task.
    pub repeated: bool,
}

/// A published request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestRefused {
    /// Who published it: the broker user.
    pub producer: String,
    /// The application's own id of the request; empty when it gave none.
    pub message_id: String,
    /// The stable code, such as `selection.unknown_accounts`.
    pub code: String,
    /// The path of the field that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// What happened and what to do next.
    pub detail: String,
    /// The entries that are meant, for example unknown accounts; the first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub entries: Vec<String>,
    /// How many entries are meant beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl RequestRefused {
    /// The answer to a request that has this problem.
    #[must_use]
    pub fn new(producer: &str, message_id: &str, problem: &Problem) -> Self {
        let entries: Vec<String> = problem.entries.iter().take(MAX_ENTRIES).cloned().collect();
        Self {
            producer: producer.to_owned(),
            message_id: message_id.to_owned(),
            code: problem.code.to_owned(),
            field: problem.field.clone(),
            detail: problem.detail.clone(),
            more: u64::try_from(problem.entries.len() - entries.len()).unwrap_or(u64::MAX),
            entries,
        }
    }
}

/// A request became a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskAccepted {
    /// The task.
    pub task: TaskId,
    /// Whose request it was: a broker user, an API key's id, or `console`.
    pub producer: String,
    /// The key that makes a repetition recognisable: AMQP `message_id`, or header `Idempotency-Key`.
    pub key: String,
    /// The task whose items this one takes up again, if it is a re-issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parent: Option<TaskId>,
}

/// A task's accounts are written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStarted {
    /// The task.
    pub task: TaskId,
    /// SHA-256, in hexadecimal, over the ids of its accounts in their order.
    pub digest: String,
    /// When its first password may change, where the request says so. RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub starts_at: Option<String>,
}

/// A task's accounts are written down, and a second person must approve them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskAwaiting {
    /// The task.
    pub task: TaskId,
    /// SHA-256, in hexadecimal, over the ids of its accounts in their order: what the approval must name.
    pub digest: String,
    /// How many passwords would change.
    pub accounts: u64,
}

/// A second person has approved a task's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskApproved {
    /// The task.
    pub task: TaskId,
    /// What was approved: the digest of its accounts.
    pub digest: String,
    /// Where it stands now: it runs, or is paused if it was held meanwhile.
    pub state: TaskState,
}

/// A task stands elsewhere than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskChanged {
    /// The task.
    pub task: TaskId,
    /// Where it stands now.
    pub state: TaskState,
    /// Why, where the task was paused by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// People of a task are told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskResent {
    /// The task.
    pub task: TaskId,
    /// How many accounts' people are told again.
    pub again: u64,
}

/// A reset has changed an account's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialReset {
    /// The account.
    pub account: AccountId,
    /// The task that it was reset by.
    pub task: TaskId,
    /// The account's item within the task.
    pub item: ItemId,
    /// How often the account's password has changed; a higher number is a newer password.
    pub credential_version: i64,
    /// Whether the account's security questions are to be cleared by whoever keeps some. Keybell never asks or sets any.
    #[serde(default, skip_serializing_if = "crate::request::is_false")]
    #[schema(default = false)]
    pub clear_security_questions: bool,
    /// The username that the account has from now on, where the same upload changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
}

/// A person is asked to choose a new password; the present one still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeRequested {
    /// The account.
    pub account: AccountId,
    /// The task that asks.
    pub task: TaskId,
    /// The account's item within the task.
    pub item: ItemId,
    /// How often the account's password has changed; asking does not count.
    pub credential_version: i64,
}

/// A person has chosen a new password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordChanged {
    /// The account.
    pub account: AccountId,
    /// How often the account's password has changed; a higher number is a newer password.
    pub credential_version: i64,
}

/// A webhook is disabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDisabled {
    /// The webhook.
    pub webhook: WebhookId,
    /// Why: `exhausted` (a message was not taken after the last try) or `gone` (the endpoint answered 410).
    pub reason: String,
}
