//! The rows of `roles.csv` that each person has, kept so that a change of one leaves the others.

use std::collections::HashMap;

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::Membership;
use keybell_shared::standing::{KnownRoles, RoleRow, Standing, is_kin};

use super::each;
use super::known::Known;
use crate::ledger::sql::{Failure, Sql, Tx, args};

/// A row as it is written: key, role, school, whether it is the primary one.
type Written<T> = (u64, T, Option<T>, bool);

/// The rows, to be kept.
pub(super) fn written(rows: &[RoleRow]) -> String {
    let rows: Vec<Written<&str>> =
        rows.iter().map(|row| (row.key, row.role.as_str(), row.school.as_deref(), row.primary)).collect();
    // Text and numbers always serialise.
    serde_json::to_string(&rows).unwrap_or_default()
}

fn read(rows: &str) -> Sql<Vec<RoleRow>> {
    let rows: Vec<Written<String>> =
        serde_json::from_str(rows).map_err(|_| Failure::row("the roles that are kept of an account cannot be read"))?;
    Ok(rows.into_iter().map(|(key, role, school, primary)| RoleRow { key, role, school, primary }).collect())
}

/// The roles of these people.
pub(super) async fn roles(
    tx: &mut Tx,
    known: &HashMap<String, Known>,
    ranks: &Ranks,
) -> Sql<HashMap<String, KnownRoles>> {
    let accounts: Vec<AccountId> = known.values().map(|known| known.id).collect();
    let mut places = memberships(tx, &accounts).await?;
    known
        .iter()
        .map(|(name, known)| {
            let rows = known.told.as_deref().map(read).transpose()?;
            let memberships = places.remove(&known.id).unwrap_or_default();
            let kin = is_kin(&known.role) || memberships.iter().any(|place| is_kin(&place.role));
            // What the account says now, also where its rows are known: the last of them may be gone.
            let now = Standing { role: known.role.clone(), rank: known.rank, memberships, kin };
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
