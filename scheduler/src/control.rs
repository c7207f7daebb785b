//! Approving, pausing, resuming, cancelling and re-sending tasks: who may, and what the answer means. The ledger does the rest, so that a
//! cancel is a wall: once it answers, no further password of the task changes.

use std::sync::Arc;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Approval, Ledger, Resent, Standing, TaskLedger, TaskView};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::states::{ItemState, TaskState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::intake::chosen::{Choice, given};
use crate::intake::json;

/// Controls tasks for a caller.
#[derive(Clone)]
pub struct Control {
    ledger: Arc<dyn Ledger>,
}

/// Whose people are told again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resending {
    /// The items in these states; `undelivered` is the only one that can be told again, and the default.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub items: Option<Vec<ItemState>>,
    /// The undelivered items of these accounts: ids, usernames or roster ids.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50_000)]
    pub accounts: Option<Vec<String>>,
}

impl Resending {
    /// Reads a body, as strictly as a request; `{}` means every undelivered item.
    ///
    /// # Errors
    /// As [`json::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        json::parse_options(bytes)
    }
}

/// What a re-send may choose.
const CHOICE: Choice = Choice {
    default: &[ItemState::Undelivered],
    allowed: |state| matches!(state, ItemState::Undelivered),
    both: "resend.items_or_accounts",
    empty: "resend.empty",
    not_allowed: (
        "resend.only_undelivered",
        "only `undelivered` items can be told again: of the others the password is not kept, or was told already; a \
         re-issue sets new passwords",
    ),
    unknown: "resend.unknown_accounts",
};

impl Control {
    /// Controls the tasks of this ledger.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    /// Approves a task's accounts, as somebody else than who asked. `digest` says which accounts were seen. The task runs
    /// then, or is paused if it was held. To approve the same once more changes nothing.
    ///
    /// # Errors
    /// Forbidden for every role but a district's administrator (`role.may_not_approve`), for whoever asked for the reset
    /// (`approval.same_person`), where one of the two keys names no person (`approval.person_missing`,
    /// `approval.asker_unknown`), and for a key that is younger than the task (`approval.key_too_new`); not found in the district; a conflict when the digest is not the one of the accounts (`approval.other_digest`), or the task does not
    /// wait (`approval.not_awaiting`); the ledger's own problems.
    pub async fn approve(&self, actor: &Actor, task: TaskId, digest: &str) -> Result<Standing, Problem> {
        if actor.role != Role::DistrictAdmin {
            return Err(Problem::new(
                ProblemKind::Forbidden,
                "role.may_not_approve",
                format!("the role `{}` may not approve a reset; an administrator of the district may", actor.role),
            ));
        }
        let forbidden = |code, detail| Err(Problem::new(ProblemKind::Forbidden, code, detail));
        match found(self.ledger.approve(actor, task, digest).await?)? {
            Approval::Approved(standing) => {
                tracing::info!(%task, by = ?actor.name, state = %standing.state, "task approved");
                Ok(standing)
            }
            Approval::NotAwaiting(standing) => {
                reached(false, standing, "approval.not_awaiting", "it does not wait for an approval")
            }
            Approval::SamePerson => forbidden(
                "approval.same_person",
                "whoever asked for a reset does not approve it; another administrator must, with a key that was not made \
                 with the key that asked, nor the other way round",
            ),
            Approval::Nameless => forbidden(
                "approval.person_missing",
                "this key does not say whose it is, so it is no second person; approve with a key that names its person \
                 (`keybell apikey create --person`)",
            ),
            Approval::AskerNameless => forbidden(
                "approval.asker_unknown",
                "the key that asked for the reset does not say whose it is, so nobody is known to be another person; cancel \
                 the task, and ask for it with a key that names its person (`keybell apikey create --person`)",
            ),
            Approval::KeyTooNew => forbidden(
                "approval.key_too_new",
                "this key was made after the reset was asked for; approve with one that is older than the task",
            ),
            Approval::OtherDigest => Err(Problem::new(
                ProblemKind::Conflict,
                "approval.other_digest",
                "this is not the digest of the task's accounts; look at the task again, and approve what it shows",
            )),
        }
    }

    /// Holds a task: nothing of it is dispatched any more, and passwords that were already changed are still told. A
    /// task that has not begun is paused when it would: when its accounts are written down, and approved where that is
    /// needed. To pause a paused task changes nothing.
    ///
    /// # Errors
    /// Forbidden for the role; not found in the district, or not the caller's own; a conflict when the task has
    /// ended or is being cancelled (`task.ended`); the ledger's own problems.
    pub async fn pause(&self, actor: &Actor, task: TaskId) -> Result<Standing, Problem> {
        self.may(actor, task).await?;
        let standing = found(self.ledger.pause(actor.district, task, &actor.name).await?)?;
        let expected = standing.state == TaskState::Paused || standing.held;
        reached(expected, standing, "task.ended", "it can no longer be paused")
    }

    /// Lets a paused task run again, or a held one run when it would begin. It approves nothing. To resume a running task
    /// changes nothing.
    ///
    /// # Errors
    /// As [`Control::pause`].
    pub async fn resume(&self, actor: &Actor, task: TaskId) -> Result<Standing, Problem> {
        self.may(actor, task).await?;
        let standing = found(self.ledger.resume(actor.district, task, &actor.name).await?)?;
        let expected = (standing.state == TaskState::Running || standing.state.is_before_the_start()) && !standing.held;
        reached(expected, standing, "task.ended", "it can no longer be resumed")
    }

    /// Cancels a task. Once this answers, no further password of it changes; those that were changed before are still
    /// told. To cancel a cancelled task changes nothing.
    ///
    /// # Errors
    /// As [`Control::pause`]; a conflict when the task has already ended otherwise (`task.ended`).
    pub async fn cancel(&self, actor: &Actor, task: TaskId) -> Result<Standing, Problem> {
        self.may(actor, task).await?;
        let state = found(self.ledger.cancel(actor.district, task, &actor.name).await?)?;
        let expected = matches!(state, TaskState::Cancelling | TaskState::Cancelled);
        reached(expected, Standing { state, held: false }, "task.ended", "it can no longer be cancelled")
    }

    /// Tells the chosen items' people again, from the passwords that are still sealed; see
    /// [`TaskLedger::resend`] for what is left as it is, and why. Counts are made under the name `writer`. Repeating it
    /// sends nothing more than once.
    ///
    /// # Errors
    /// Forbidden for the role; not found as with [`Control::pause`]; `resend.items_or_accounts`, `resend.empty`,
    /// `resend.only_undelivered`, `resend.unknown_accounts`; the ledger's own problems.
    pub async fn resend(
        &self,
        actor: &Actor,
        task: TaskId,
        chosen: &Resending,
        writer: &str,
    ) -> Result<Resent, Problem> {
        self.may(actor, task).await?;
        let ledger = self.ledger.as_ref();
        let chosen =
            CHOICE.resolve(ledger, actor.district, chosen.items.as_deref(), chosen.accounts.as_deref()).await?;
        found(ledger.resend(writer, actor.district, task, &actor.name, &chosen).await?)
    }

    async fn may(&self, actor: &Actor, task: TaskId) -> Result<(), Problem> {
        match actor.role {
            Role::DistrictAdmin | Role::Principal | Role::Teacher | Role::Application => {
                visible(self.ledger.as_ref(), actor, task).await.map(drop)
            }
            Role::Operator => Err(Problem::new(
                ProblemKind::Forbidden,
                "role.may_not_control",
                format!("the role `{}` may watch tasks but not pause, resume, cancel or re-send them", actor.role),
            )),
        }
    }
}

/// A task that the caller sees ([`Actor::only_tasks_of`]); any other does not exist for them.
pub(crate) async fn visible<L: TaskLedger + ?Sized>(
    ledger: &L,
    actor: &Actor,
    task: TaskId,
) -> Result<TaskView, Problem> {
    let view = found(ledger.task(actor.district, task).await?)?;
    if actor.only_tasks_of().is_none_or(|name| view.requester == name) {
        return Ok(view);
    }
    Err(Problem::not_found("task"))
}

fn found<T>(answer: Option<T>) -> Result<T, Problem> {
    answer.ok_or_else(|| Problem::not_found("task"))
}

fn reached(expected: bool, standing: Standing, code: &'static str, rule: &str) -> Result<Standing, Problem> {
    if expected {
        return Ok(standing);
    }
    Err(Problem::new(ProblemKind::Conflict, code, format!("the task is `{}`: {rule}", standing.state)))
}

#[cfg(test)]
mod tests;
