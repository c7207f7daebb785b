//! Starting a plan: exactly that, or the difference.

use keybell_shared::ids::PlanId;
use keybell_shared::ports::ledger::{Applied, Difference, MAX_DIFFERENCES, NewTask};

use super::judge::{Asked, judge_args, judged, meant};
use crate::ledger::SqlLedger;
use crate::ledger::intake::{Key, insert_task, known};
use crate::ledger::sql::{Sql, Tx, args};

/// Every account that is not as the plan says, with the word for what is different.
macro_rules! differing {
    () => {
        concat!(
            "SELECT x.username AS username,
                 CASE WHEN f.account_id IS NULL THEN 'joined'
                     WHEN COALESCE(f.code, '') <> COALESCE(x.code, '') THEN 'eligibility'
                     WHEN f.contact <> x.contact THEN 'contact' ELSE 'changed' END AS what
             FROM (",
            judged!(),
            ") AS x LEFT JOIN plan_accounts f ON f.plan = $15 AND f.account_id = x.id
             WHERE f.account_id IS NULL OR COALESCE(f.code, '') <> COALESCE(x.code, '')
                 OR f.contact <> x.contact OR f.standing <> x.standing
             UNION ALL
             SELECT a.username, 'left' FROM plan_accounts f JOIN accounts a ON a.id = f.account_id
             WHERE f.plan = $15 AND NOT (",
            meant!(),
            ")"
        )
    };
}

impl SqlLedger {
    pub(super) async fn apply_plan_once(&self, task: &NewTask, plan: PlanId) -> Sql<Applied> {
        let mut tx = self.db.begin().await?;
        let key = match known(&mut tx, task).await? {
            Key::Used(acceptance) => return Ok(Applied::Answered(acceptance)),
            Key::Fresh(key) => key,
        };
        // The plan's lock: of two who start it, one finds it used.
        let row = tx
            .first(
                "SELECT *, (expires_at <= {now}) AS expired FROM plans WHERE id = $1 AND district_id = $2 {lock}",
                args![plan, task.actor.district],
            )
            .await?;
        let Some(row) = row else { return Ok(Applied::Gone) };
        if let Some(task) = row.get("task_id")? {
            return Ok(Applied::Used(task));
        }
        if row.get("expired")? {
            return Ok(Applied::Expired);
        }
        let request = serde_json::from_str(&row.get::<String>("request")?).map_err(super::unreadable)?;
        let asked = Asked {
            district: task.actor.district,
            role: row.word("requester_role")?,
            person: row.get("requester_account")?,
            request: &request,
        };
        let difference = difference(&mut tx, &asked, row.get("seq")?).await?;
        if difference.accounts() > 0 {
            return Ok(Applied::Changed(difference));
        }
        let acceptance = insert_task(&mut tx, task, &key, Some(plan)).await?;
        tx.run("UPDATE plans SET task_id = $2 WHERE id = $1", args![plan, task.id]).await?;
        tx.commit().await?;
        Ok(Applied::Answered(acceptance))
    }
}

/// How the people of this moment differ from the plan's.
async fn difference(tx: &mut Tx, asked: &Asked<'_>, plan: i64) -> Sql<Difference> {
    let mut difference = Difference::default();
    let counts = tx
        .all(
            concat!("SELECT d.what AS what, count(*) AS n FROM (", differing!(), ") AS d GROUP BY d.what"),
            judge_args(asked, plan),
        )
        .await?;
    for row in &counts {
        let n = u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
        match row.get::<String>("what")?.as_str() {
            "joined" => difference.joined = n,
            "left" => difference.left = n,
            "eligibility" => difference.eligibility = n,
            "contact" => difference.contact = n,
            _ => difference.changed = n,
        }
    }
    if difference.accounts() == 0 {
        return Ok(difference);
    }
    let mut arguments = judge_args(asked, plan);
    arguments.extend(args![MAX_DIFFERENCES]);
    let first = tx
        .all(
            concat!("SELECT d.username, d.what FROM (", differing!(), ") AS d ORDER BY d.username LIMIT $22"),
            arguments,
        )
        .await?;
    for row in &first {
        difference.first.push((row.get("username")?, row.get("what")?));
    }
    Ok(difference)
}
