//! The facts that decide whether an account may be reset, read with the item.

use keybell_shared::actor::Role;
use keybell_shared::eligibility::Facts;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::AccountId;
use keybell_shared::request::{Confirm, Mode};
use keybell_shared::states::{ItemState, TaskState};

use super::sql::{Row, Sql};

/// Items `i` with their tasks `t` and accounts `a`, and every column that [`facts`] reads; continue with `WHERE`.
macro_rules! facts_of_items {
    ($more:literal) => {
        concat!(
            "SELECT i.id AS item, i.state AS item_state, i.task_id, i.district_id, i.account_id,
                 t.state AS task_state, t.seq, t.requester_role, t.requester_account,
                 t.confirm_requester, t.confirm_protected, t.mode,
                 ((t.start_at IS NOT NULL AND t.start_at > {now}) OR COALESCE(i.wave > t.wave, FALSE)) AS early,
                 a.active, a.quick_login, a.protected, a.rank, a.last_reset_seq, a.credential_version,
                 (",
            $crate::ledger::selection::managed_by!(),
            " IS NOT NULL) AS managed,
                 ",
            $crate::ledger::selection::in_scope!("t.requester_role", "t.requester_account"),
            " AS in_scope",
            $more,
            " FROM items i JOIN tasks t ON t.id = i.task_id JOIN accounts a ON a.id = i.account_id "
        )
    };
}
pub(super) use facts_of_items;

/// Reads the facts of one row.
pub(super) fn facts(row: &Row) -> Sql<Facts> {
    let role: Role = row.word("requester_role")?;
    let person: Option<AccountId> = row.get("requester_account")?;
    let account: AccountId = row.get("account_id")?;
    Ok(Facts {
        item: if fault::off(Mechanism::ItemGuard) { ItemState::Queued } else { row.word("item_state")? },
        task: unguarded(row.word("task_state")?),
        task_seq: row.get("seq")?,
        last_reset_seq: row.get("last_reset_seq")?,
        active: row.get("active")?,
        managed_elsewhere: row.get("managed")?,
        quick_login: row.get("quick_login")?,
        sets_password: row.word::<Mode>("mode")?.sets_password(),
        protected: row.get("protected")?,
        requester: person == Some(account),
        rank: row.get("rank")?,
        reach: role.reach(),
        in_scope: row.get("in_scope")?,
        out_of_reach: false,
        confirm: Confirm { requester: row.get("confirm_requester")?, protected: row.get("confirm_protected")? },
        early: row.get("early")?,
    })
}

/// The task's state, as a commit takes it that the fault harness has robbed of its guards.
fn unguarded(task: TaskState) -> TaskState {
    let ignored = match task {
        TaskState::Paused => fault::off(Mechanism::Pause),
        TaskState::Cancelling | TaskState::Cancelled => fault::off(Mechanism::Cancel),
        TaskState::Expanding
        | TaskState::AwaitingApproval
        | TaskState::Running
        | TaskState::Completed
        | TaskState::CompletedWithErrors
        | TaskState::Failed => false,
    };
    if ignored { TaskState::Running } else { task }
}
