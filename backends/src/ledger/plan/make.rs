//! Writing a plan down.

use keybell_shared::codes::Code;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{MAX_PLANS, NewPlan};
use keybell_shared::seal::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::judge::{Asked, judge_args, judged};
use crate::ledger::SqlLedger;
use crate::ledger::sql::{Failure, Sql, Tx, args, json as json_arg};

/// Rows that are in memory at a time while the digest is made.
const PAGE: u32 = 5_000;

impl SqlLedger {
    /// Writes the plan down; `false` when it means nobody, and then nothing is written.
    pub(super) async fn make_plan_once(&self, plan: &NewPlan) -> Sql<bool> {
        let mut tx = self.db.begin().await?;
        let seq = insert_plan(&mut tx, plan).await?;
        for page in plan.named.chunks(5_000) {
            tx.run(
                "INSERT INTO plan_named (plan, account_id)
                 SELECT $1, a.id FROM accounts a WHERE a.district_id = $2 AND a.id {in $3 uuid}",
                args![seq, plan.actor.district, json_arg(page)],
            )
            .await?;
        }
        let actor = &plan.actor;
        let asked = Asked { district: actor.district, role: actor.role, person: actor.person, request: &plan.request };
        // One statement: one moment's truth.
        let people = tx
            .run(
                concat!(
                    "INSERT INTO plan_accounts (plan, account_id, code, reachable, standing, contact)
                     SELECT $15, x.id, x.code, x.reachable, x.standing, x.contact FROM (",
                    judged!(),
                    ") AS x ORDER BY x.id"
                ),
                judge_args(&asked, seq),
            )
            .await?;
        if people == 0 {
            return Ok(false);
        }
        let people = serde_json::to_string(&count(&mut tx, seq, plan.request.is_told()).await?)
            .map_err(|error| Failure::row(error.to_string()))?;
        let digest = digest(&mut tx, seq).await?;
        tx.run("UPDATE plans SET people = $2, digest = $3 WHERE seq = $1", args![seq, people, digest]).await?;
        expire_older(&mut tx, plan).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn insert_plan(tx: &mut Tx, plan: &NewPlan) -> Sql<i64> {
    let mut request = plan.request.clone();
    // They have rows of their own.
    request.selection.accounts.clear();
    let request = serde_json::to_string(&request).map_err(|error| Failure::row(error.to_string()))?;
    let actor = &plan.actor;
    let row = tx
        .first(
            "INSERT INTO plans (id, district_id, requester, producer, requester_role, requester_account, request, people,
                 digest, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', {now}, {now} + $8) RETURNING seq",
            args![
                plan.id,
                actor.district,
                &actor.name,
                &plan.producer,
                actor.role.as_str(),
                actor.person,
                request,
                plan.keep
            ],
        )
        .await?;
    row.ok_or_else(|| Failure::row("a plan is not there after it was made"))?.get("seq")
}

/// Whom a plan means, in numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct People {
    pub(super) eligible: u64,
    pub(super) unreachable: u64,
    pub(super) skipped: Vec<(Code, u64)>,
}

async fn count(tx: &mut Tx, seq: i64, told: bool) -> Sql<People> {
    let rows = tx
        .all(
            "SELECT code, (reachable OR NOT $2) AS fine, count(*) AS n FROM plan_accounts WHERE plan = $1
             GROUP BY 1, 2 ORDER BY 1, 2",
            args![seq, told],
        )
        .await?;
    let mut people = People::default();
    for row in &rows {
        let n = u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
        match row.maybe_word("code")? {
            None => {
                people.eligible += n;
                people.unreachable += if row.get("fine")? { 0 } else { n };
            }
            Some(code) => match people.skipped.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += n,
                None => people.skipped.push((code, n)),
            },
        }
    }
    Ok(people)
}

/// SHA-256 over everything that the plan says of each account, in the order of the accounts.
async fn digest(tx: &mut Tx, seq: i64) -> Sql<String> {
    let mut hasher = Sha256::new();
    let mut after = AccountId(Uuid::nil());
    loop {
        let rows = tx
            .all(
                "SELECT account_id, COALESCE(code, '') || '/' || (CASE WHEN reachable THEN '1' ELSE '0' END) || '/'
                     || standing || '/' || contact AS said
                 FROM plan_accounts WHERE plan = $1 AND account_id > $2 ORDER BY account_id LIMIT $3",
                args![seq, after, PAGE],
            )
            .await?;
        for row in &rows {
            after = row.get("account_id")?;
            hasher.update(after.0.as_bytes());
            hasher.update(row.get::<String>("said")?.as_bytes());
            hasher.update([0]);
        }
        if rows.len() < PAGE as usize {
            return Ok(hex(&hasher.finalize()));
        }
    }
}

/// Whoever tries out often keeps the newest plans only.
async fn expire_older(tx: &mut Tx, plan: &NewPlan) -> Sql<()> {
    tx.run(
        "UPDATE plans SET expires_at = {now} WHERE district_id = $1 AND producer = $2 AND task_id IS NULL
             AND expires_at > {now} AND seq NOT IN (
                 SELECT seq FROM plans WHERE district_id = $1 AND producer = $2 AND task_id IS NULL
                 ORDER BY seq DESC LIMIT $3)",
        args![plan.actor.district, &plan.producer, MAX_PLANS],
    )
    .await?;
    Ok(())
}
