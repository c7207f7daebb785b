//! The rows of `roles.csv` that each person has, kept so that a change of one leaves the others.

use std::collections::{HashMap, HashSet};

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::Membership;
use keybell_shared::standing::{KnownRoles, RoleRow, Standing, is_kin};

use super::{each, named};
use crate::ledger::sql::{Failure, Sql, Tx, args, cells};

/// A row as it is written: key, role, school, whether it is the primary one.
type Written = (u64, String, Option<String>, bool);

/// What is kept of an account.
pub(super) struct Told {
    pub(super) id: AccountId,
    pub(super) active: bool,
    pub(super) role: String,
    pub(super) rank: i32,
    /// The rows, as they are written; `None` if there are none, or something else changed the account since.
    pub(super) rows: Option<String>,
}

/// The rows, to be kept.
pub(super) fn written(rows: &[RoleRow]) -> String {
    let rows: Vec<Written> =
        rows.iter().map(|row| (row.key, row.role.clone(), row.school.clone(), row.primary)).collect();
    // Text and numbers always serialise.
    serde_json::to_string(&rows).unwrap_or_default()
}

fn read(rows: &str) -> Sql<Vec<RoleRow>> {
    let rows: Vec<Written> =
        serde_json::from_str(rows).map_err(|_| Failure::row("the roles that are kept of an account cannot be read"))?;
    Ok(rows.into_iter().map(|(key, role, school, primary)| RoleRow { key, role, school, primary }).collect())
}

/// What is kept of these people, by roster id. Unknown ones are absent.
pub(super) async fn told(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, Told>> {
    let rows = tx
        .all_rows(
            "SELECT a.source_id, a.id, a.active, a.role, a.rank, t.told FROM {table $2: name text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)
             LEFT JOIN account_roles t ON t.account_id = a.id AND t.fingerprint = a.fingerprint",
            &named(names),
            |rows| args![district, rows],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let told = Told {
                id: row.get("id")?,
                active: row.get("active")?,
                role: row.get("role")?,
                rank: row.get("rank")?,
                rows: row.get("told")?,
            };
            Ok((row.get("source_id")?, told))
        })
        .collect()
}

/// What these people are.
pub(super) async fn known(
    tx: &mut Tx,
    told: &HashMap<String, Told>,
    ranks: &Ranks,
) -> Sql<HashMap<String, KnownRoles>> {
    let accounts: Vec<AccountId> = told.values().map(|told| told.id).collect();
    let mut places = memberships(tx, &accounts).await?;
    told.iter()
        .map(|(name, told)| {
            let rows = told.rows.as_deref().map(read).transpose()?;
            let memberships = places.remove(&told.id).unwrap_or_default();
            let kin = is_kin(&told.role) || memberships.iter().any(|place| is_kin(&place.role));
            // What the account says now, also where its rows are known: the last of them may be gone.
            let now = Standing { role: told.role.clone(), rank: told.rank, memberships, kin };
            let standing = rows.as_deref().and_then(|rows| Standing::of(rows, ranks)).unwrap_or(now);
            Ok((name.clone(), KnownRoles { standing, rows }))
        })
        .collect()
}

/// The schools of accounts, with the roles there; the primary one first.
async fn memberships(tx: &mut Tx, accounts: &[AccountId]) -> Sql<HashMap<AccountId, Vec<Membership>>> {
    let rows = tx
        .all_rows(
            "SELECT m.account_id, s.source_id, m.role FROM memberships m
             JOIN schools s ON s.id = m.school_id JOIN accounts a ON a.id = m.account_id
             WHERE m.account_id {among $1 uuid}
             ORDER BY m.account_id, CASE WHEN m.school_id = a.school_id THEN 0 ELSE 1 END, m.school_id, m.role",
            &each(accounts),
            |accounts| args![accounts],
        )
        .await?;
    let mut places: HashMap<AccountId, Vec<Membership>> = HashMap::new();
    for row in &rows {
        let place = Membership { school: row.get("source_id")?, role: row.get("role")? };
        places.entry(row.get("account_id")?).or_default().push(place);
    }
    Ok(places)
}

/// Keeps the rows of people by their roster ids, as of what their accounts are now.
pub(super) async fn keep(tx: &mut Tx, district: DistrictId, rows: &HashMap<&str, String>) -> Sql<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = rows.iter().map(|(name, told)| cells![*name, told]).collect();
    tx.run_rows(
        "INSERT INTO account_roles (account_id, told, fingerprint)
         SELECT a.id, r.told, a.fingerprint FROM {table $2: name text, told text} AS r
         JOIN accounts a ON a.id = (SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)
         WHERE TRUE
         ON CONFLICT (account_id) DO UPDATE SET told = excluded.told, fingerprint = excluded.fingerprint
         WHERE account_roles.told <> excluded.told OR account_roles.fingerprint <> excluded.fingerprint",
        &rows,
        |rows| args![district, rows],
    )
    .await?;
    Ok(())
}
