//! Taking up again the items of an earlier task: a new task over their accounts.

use keybell_shared::actor::Actor;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{Preview, Reissue};
use keybell_shared::request::{ResetRequest, Scope, Selection, Where};

use super::SqlLedger;
use super::chosen::{chosen_args, taken_up};
use super::intake::counted;
use super::selection::{exclusion, filter_args, selected, way_args};
use super::sql::{Failure, Sql, Tx, args};

impl SqlLedger {
    /// Counts whom a re-issue means, with the words of [`super::selection`]: as the expansion will see them.
    pub(super) async fn count_reissue(&self, actor: &Actor, reissue: &Reissue, request: &ResetRequest) -> Sql<Preview> {
        let named = Selection { scope: Scope::Selected, accounts: Vec::new(), narrowed: Where::default() };
        let mut arguments = filter_args(actor.district, &named, actor.role, actor.person, request.confirm);
        arguments.extend(args![actor.role.reach(), reissue.parent]);
        arguments.extend(chosen_args(&reissue.chosen));
        arguments.extend(args![request.mode.sets_password()]);
        arguments.extend(way_args(request.must_reach()));
        let rows = self
            .db
            .read(
                concat!(
                    "SELECT ",
                    exclusion!(reach "$14", sets "$18", must_reach "$19" by "$20" "$21" "$22" "$23"),
                    " AS code, count(*) AS n FROM items p JOIN accounts a ON a.id = p.account_id
                     WHERE ",
                    taken_up!("$15", "$16", "$17"),
                    " AND ",
                    selected!("TRUE"),
                    " GROUP BY 1 ORDER BY 1"
                ),
                arguments,
            )
            .await?;
        counted(&rows)
    }
}

/// Names the chosen items' accounts as those of the new task. The parent's lock is taken, so that it is not forgotten
/// at the same time.
pub(super) async fn take_up(tx: &mut Tx, district: DistrictId, task: TaskId, reissue: &Reissue) -> Sql<()> {
    let parent = "SELECT id FROM tasks WHERE id = $1 AND district_id = $2 {lock}";
    if tx.first(parent, args![reissue.parent, district]).await?.is_none() {
        return Err(Failure::row("a re-issue of a task that its district does not have"));
    }
    tx.run("UPDATE tasks SET parent_id = $2 WHERE id = $1", args![task, reissue.parent]).await?;
    let mut arguments = args![district, task, reissue.parent];
    arguments.extend(chosen_args(&reissue.chosen));
    tx.run(
        concat!(
            "INSERT INTO task_accounts (task_id, account_id)
             SELECT $2, p.account_id FROM items p WHERE ",
            taken_up!("$3", "$4", "$5")
        ),
        arguments,
    )
    .await?;
    Ok(())
}
