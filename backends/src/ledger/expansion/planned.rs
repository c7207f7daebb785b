//! The accounts of a task that comes from a plan: those of the plan, and nobody else.

use keybell_shared::ids::{AccountId, PlanId};

use crate::ledger::selection::exclusion;
use crate::ledger::sql::{Failure, Row, Sql, Tx, args};

/// Who was to be skipped stays skipped, so that nobody joins; who is no longer eligible is skipped by today's reason.
pub(super) const WRITE: &str = written!(
    "SELECT a.id AS id, COALESCE(f.code, ",
    exclusion!(reach "$14", sets "$18", must_reach "$19" by "$20" "$21" "$22" "$23"),
    ") AS code FROM plan_accounts f JOIN accounts a ON a.id = f.account_id
     WHERE f.plan = $24 AND f.account_id > $16 AND f.account_id <= $17"
);

/// The number of the task's plan, if it comes from one.
pub(super) async fn number(tx: &mut Tx, task: &Row) -> Sql<Option<i64>> {
    let Some(plan) = task.get::<Option<PlanId>>("plan_id")? else { return Ok(None) };
    let row = tx.first("SELECT seq FROM plans WHERE id = $1", args![plan]).await?;
    // Never its selection instead: that could mean others today.
    row.ok_or_else(|| Failure::row("the plan of a task is gone before its accounts are written down"))?
        .get("seq")
        .map(Some)
}

/// The last account of the next chunk, and how many there are up to it.
pub(super) async fn page(tx: &mut Tx, plan: i64, after: AccountId, size: u32) -> Sql<Option<Row>> {
    tx.first(
        "SELECT id, place FROM (
             SELECT account_id AS id, row_number() OVER (ORDER BY account_id) AS place FROM plan_accounts
             WHERE plan = $1 AND account_id > $2 ORDER BY account_id LIMIT $3) AS page
         ORDER BY id DESC LIMIT 1",
        args![plan, after, size],
    )
    .await
}
