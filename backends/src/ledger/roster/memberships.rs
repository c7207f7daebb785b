//! The roles that people hold at schools.

use std::collections::HashMap;

use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::Membership;

use super::each;
use crate::ledger::sql::{Sql, Tx, args, cells};

/// Those of the memberships that are at known schools, each once, the primary one first.
pub(super) fn resolve<'a>(memberships: &'a [Membership], schools: &HashMap<String, i64>) -> Vec<(i64, &'a str)> {
    let mut found: Vec<(i64, &str)> = Vec::with_capacity(memberships.len());
    for membership in memberships {
        let place = schools.get(&membership.school).map(|school| (*school, membership.role.as_str()));
        found.extend(place.filter(|place| !found.contains(place)));
    }
    found
}

/// Replaces the memberships of these accounts; `known` are those that may have some.
pub(super) async fn replace(tx: &mut Tx, of: &[(AccountId, &[(i64, &str)])], known: &[AccountId]) -> Sql<()> {
    if of.is_empty() {
        return Ok(());
    }
    tx.run_rows("DELETE FROM memberships WHERE account_id {among $1 uuid}", &each(known), |accounts| args![accounts])
        .await?;
    let rows: Vec<_> = of
        .iter()
        .flat_map(|(account, memberships)| memberships.iter().map(|(school, role)| cells![*account, *school, *role]))
        .collect();
    tx.run_rows(
        "INSERT INTO memberships (account_id, school_id, role)
         SELECT r.account, r.school, r.role FROM {list $1: account uuid, school bigint, role text} AS r",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}
