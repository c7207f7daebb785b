//! Pausing, resuming and cancelling tasks: who may, and what the answer means. The ledger does the rest, so that a
//! cancel is a wall: once it answers, no further password of the task changes.

use std::sync::Arc;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::TaskLedger;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::states::TaskState;

/// Controls running tasks for a caller.
#[derive(Clone)]
pub struct Control {
    ledger: Arc<dyn TaskLedger>,
}

impl Control {
    /// Controls the tasks of this ledger.
    #[must_use]
    pub fn new(ledger: Arc<dyn TaskLedger>) -> Self {
        Self { ledger }
    }

    /// Holds a running task: nothing of it is dispatched any more, and passwords that were already changed are still
    /// told. To pause a paused task changes nothing.
    ///
    /// # Errors
    /// Forbidden for the role; not found in the district, or not the application's own; a conflict when the task is
    /// not running (`task.not_running`); the ledger's own problems.
    pub async fn pause(&self, actor: &Actor, task: TaskId) -> Result<TaskState, Problem> {
        self.may(actor, task).await?;
        let state = found(self.ledger.pause(actor.district, task, &actor.name).await?)?;
        let expected = state == TaskState::Paused;
        reached(expected, state, "task.not_running", "only a running task can be paused")
    }

    /// Lets a paused task run again. To resume a running task changes nothing.
    ///
    /// # Errors
    /// As [`Control::pause`]; a conflict when the task is not paused (`task.not_paused`).
    pub async fn resume(&self, actor: &Actor, task: TaskId) -> Result<TaskState, Problem> {
        self.may(actor, task).await?;
        let state = found(self.ledger.resume(actor.district, task, &actor.name).await?)?;
        let expected = state == TaskState::Running;
        reached(expected, state, "task.not_paused", "only a paused task can be resumed")
    }

    /// Cancels a task. Once this answers, no further password of it changes; those that were changed before are still
    /// told. To cancel a cancelled task changes nothing.
    ///
    /// # Errors
    /// As [`Control::pause`]; a conflict when the task has already ended otherwise (`task.ended`).
    pub async fn cancel(&self, actor: &Actor, task: TaskId) -> Result<TaskState, Problem> {
        self.may(actor, task).await?;
        let state = found(self.ledger.cancel(actor.district, task, &actor.name).await?)?;
        let expected = matches!(state, TaskState::Cancelling | TaskState::Cancelled);
        reached(expected, state, "task.ended", "it can no longer be cancelled")
    }

    /// Administrators and principals control every task of their district, applications and teachers their own ones;
    /// a task that is not theirs does not exist for them.
    async fn may(&self, actor: &Actor, task: TaskId) -> Result<(), Problem> {
        match actor.role {
            Role::DistrictAdmin | Role::Principal => Ok(()),
            Role::Application | Role::Teacher => {
                let view = self.ledger.task(actor.district, task).await?.ok_or_else(|| Problem::not_found("task"))?;
                if view.requester == actor.name { Ok(()) } else { Err(Problem::not_found("task")) }
            }
            Role::Operator => Err(Problem::new(
                ProblemKind::Forbidden,
                "role.may_not_control",
                format!("the role `{}` may watch tasks but not pause, resume or cancel them", actor.role),
            )),
        }
    }
}

fn found(state: Option<TaskState>) -> Result<TaskState, Problem> {
    state.ok_or_else(|| Problem::not_found("task"))
}

fn reached(expected: bool, state: TaskState, code: &'static str, rule: &str) -> Result<TaskState, Problem> {
    if expected {
        return Ok(state);
    }
    Err(Problem::new(ProblemKind::Conflict, code, format!("the task is `{state}`: {rule}")))
}

#[cfg(test)]
mod tests;
