//! Plans: whom a request means, written down, shown, started exactly so, and forgotten.

mod apply;
mod judge;
mod make;
mod measured;

use async_trait::async_trait;
use keybell_shared::ids::{AccountId, DistrictId, PlanId};
use keybell_shared::ports::ledger::{
    Applied, Fate, LedgerResult, Measured, NewPlan, NewTask, PlanFilter, PlanItem, PlanLedger, PlanView, Preview,
};
use keybell_shared::request::ResetRequest;
use uuid::Uuid;

use self::make::People;
use super::SqlLedger;
use super::periodic;
use super::sql::{Failure, Row, Sql, args};

#[async_trait]
impl PlanLedger for SqlLedger {
    async fn make_plan(&self, plan: NewPlan) -> LedgerResult<Option<PlanView>> {
        if !self.db.retrying(|| self.make_plan_once(&plan)).await? {
            return Ok(None);
        }
        self.plan(plan.actor.district, plan.id).await
    }

    async fn plan(&self, district: DistrictId, plan: PlanId) -> LedgerResult<Option<PlanView>> {
        Ok(self.show_plan(district, plan).await?)
    }

    async fn plan_items(
        &self,
        district: DistrictId,
        plan: PlanId,
        filter: PlanFilter,
        limit: u32,
    ) -> LedgerResult<Vec<PlanItem>> {
        let Some(row) = self.plan_row(district, plan).await? else { return Ok(Vec::new()) };
        let request: ResetRequest = serde_json::from_str(&row.get::<String>("request")?).map_err(unreadable)?;
        let told = request.is_told();
        let after = filter.after.unwrap_or(AccountId(Uuid::nil()));
        let rows = self
            .db
            .read(
                "SELECT f.account_id, f.code, (f.reachable OR NOT $5) AS fine, a.username, a.given_name, a.family_name
                 FROM plan_accounts f JOIN accounts a ON a.id = f.account_id
                 WHERE f.plan = $1 AND f.account_id > $2
                     AND (CASE $3 WHEN 'reset' THEN f.code IS NULL AND (f.reachable OR NOT $5)
                          WHEN 'unreachable' THEN f.code IS NULL AND NOT (f.reachable OR NOT $5)
                          WHEN 'skipped' THEN f.code IS NOT NULL ELSE TRUE END)
                 ORDER BY f.account_id LIMIT $4",
                args![row.get::<i64>("seq")?, after, filter.fate.map_or("", Fate::as_str), limit, told],
            )
            .await?;
        Ok(rows.iter().map(item).collect::<Sql<_>>()?)
    }

    async fn apply_plan(&self, task: NewTask, plan: PlanId) -> LedgerResult<Applied> {
        match self.db.retrying(|| self.apply_plan_once(&task, plan)).await {
            // Two of the same at the same time: the other one was faster, so now it is a repetition.
            Err(Failure::Duplicate(_)) => Ok(self.db.retrying(|| self.apply_plan_once(&task, plan)).await?),
            other => Ok(other?),
        }
    }

    async fn measured(&self, told: bool) -> LedgerResult<Option<Measured>> {
        Ok(self.fastest(told).await?)
    }

    async fn sweep_plans(&self, limit: u32) -> LedgerResult<u64> {
        Ok(self.db.retrying(|| self.sweep_once(limit)).await?)
    }
}

impl SqlLedger {
    async fn plan_row(&self, district: DistrictId, plan: PlanId) -> Sql<Option<Row>> {
        self.db
            .read_first(
                "SELECT *, (expires_at <= {now}) AS expired FROM plans WHERE id = $1 AND district_id = $2",
                args![plan, district],
            )
            .await
    }

    async fn show_plan(&self, district: DistrictId, plan: PlanId) -> Sql<Option<PlanView>> {
        self.plan_row(district, plan).await?.as_ref().map(view).transpose()
    }

    /// The rows of the oldest expired plan first, and when none is left, the plan.
    async fn sweep_once(&self, limit: u32) -> Sql<u64> {
        let mut tx = self.db.begin().await?;
        let Some(row) = tx.first(periodic::EXPIRED_PLANS, args![]).await? else { return Ok(0) };
        let plan: i64 = row.get("seq")?;
        let mut gone = 0;
        for statement in [
            "DELETE FROM plan_accounts WHERE plan = $1 AND account_id IN (
                 SELECT account_id FROM plan_accounts WHERE plan = $1 ORDER BY account_id LIMIT $2)",
            "DELETE FROM plan_named WHERE plan = $1 AND account_id IN (
                 SELECT account_id FROM plan_named WHERE plan = $1 ORDER BY account_id LIMIT $2)",
        ] {
            gone += tx.run(statement, args![plan, limit]).await?;
        }
        if gone == 0 {
            gone = tx.run("DELETE FROM plans WHERE seq = $1", args![plan]).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn unreadable(error: serde_json::Error) -> Failure {
    Failure::row(format!("a plan cannot be read: {error}"))
}

fn view(row: &Row) -> Sql<PlanView> {
    let People { eligible, unreachable, skipped } =
        serde_json::from_str(&row.get::<String>("people")?).map_err(unreadable)?;
    Ok(PlanView {
        id: row.get("id")?,
        requester: row.get("requester")?,
        producer: row.get("producer")?,
        role: row.word("requester_role")?,
        person: row.get("requester_account")?,
        request: serde_json::from_str(&row.get::<String>("request")?).map_err(unreadable)?,
        people: Preview { eligible, skipped },
        unreachable,
        digest: row.get("digest")?,
        task: row.get("task_id")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        expired: row.get("expired")?,
    })
}

fn item(row: &Row) -> Sql<PlanItem> {
    let code = row.maybe_word("code")?;
    let fate = match (code, row.get("fine")?) {
        (Some(_), _) => Fate::Skipped,
        (None, true) => Fate::Reset,
        (None, false) => Fate::Unreachable,
    };
    Ok(PlanItem {
        account: row.get("account_id")?,
        username: row.get("username")?,
        given_name: row.get("given_name")?,
        family_name: row.get("family_name")?,
        fate,
        code,
    })
}
