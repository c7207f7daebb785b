//! The groups that people are in.

use keybell_shared::ids::{AccountId, DistrictId};

use super::each;
use crate::ledger::sql::{Sql, Tx, args, cells};

/// Replaces the groups of these accounts; `known` are those that may have some. A group that is named twice counts once; a blank name is none.
pub(super) async fn replace(
    tx: &mut Tx,
    district: DistrictId,
    of: &[(AccountId, &[String])],
    known: &[AccountId],
) -> Sql<()> {
    if of.is_empty() {
        return Ok(());
    }
    tx.run_rows("DELETE FROM account_groups WHERE account_id {among $1 uuid}", &each(known), |accounts| {
        args![accounts]
    })
    .await?;
    let rows: Vec<_> = of
        .iter()
        .flat_map(|(account, groups)| groups.iter().map(move |name| (account, name.trim())))
        .filter(|(_, name)| !name.is_empty())
        .map(|(account, name)| cells![*account, name])
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    tx.run_rows(
        "INSERT INTO account_groups (district_id, name, account_id)
         SELECT $1, r.name, r.account FROM {list $2: account uuid, name text} AS r
         WHERE TRUE
         ON CONFLICT (district_id, name, account_id) DO NOTHING",
        &rows,
        |rows| args![district, rows],
    )
    .await?;
    Ok(())
}
