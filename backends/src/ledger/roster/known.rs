//! What the ledger knows of people before a batch says anything new, by one look at each.
//!
//! A first roster has nobody whom the ledger knows. So where the batch before had none, a lane looks for nobody and takes all
//! for new: whoever is not, meets the unique index on roster ids, the lane is undone, and its rows are written as the rows of
//! any other batch, with a look ([`super::calm`]).

use std::collections::{HashMap, HashSet};

use keybell_shared::ids::{AccountId, DistrictId};

use super::named;
use super::people::Said;
use crate::ledger::sql::{Row, Sql, Tx, args};

/// What the ledger knows of a person.
pub(super) struct Known {
    pub(super) id: AccountId,
    pub(super) username: String,
    pub(super) key: String,
    pub(super) fingerprint: String,
    /// Whether an upload gave the username.
    pub(super) renamed: bool,
    pub(super) rank: i32,
    pub(super) role: String,
    pub(super) active: bool,
    /// The rows of their roles, as they are written; `None` if there are none, something else changed the account since, or
    /// nobody asked for them.
    pub(super) told: Option<String>,
}

impl Known {
    /// The role and rank that a row leaves the person. Who becomes inactive by a role that somebody assumed keeps the more
    /// privileged one that they are known with, so that no such list makes them less when they come back.
    pub(super) fn standing<'a>(known: Option<&'a Self>, person: Said<'a>) -> (&'a str, i32) {
        match known {
            Some(known) if person.row.role_assumed && known.rank > person.rank => (&known.role, known.rank),
            Some(_) | None => (person.role, person.rank),
        }
    }

    fn of(row: &Row) -> Sql<(String, Self)> {
        let known = Self {
            id: row.get("id")?,
            username: row.get("username")?,
            key: row.get("username_key")?,
            fingerprint: row.get("fingerprint")?,
            renamed: row.get("renamed")?,
            rank: row.get("rank")?,
            role: row.get("role")?,
            active: row.get("active")?,
            told: row.get("told")?,
        };
        Ok((row.get("source_id")?, known))
    }
}

macro_rules! look {
    ($told:literal, $join:literal) => {
        concat!(
            "SELECT a.source_id, a.id, a.username, a.username_key, a.fingerprint, a.renamed, a.rank, a.role, a.active, ",
            $told,
            " AS told FROM {table $2: name text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)",
            $join
        )
    };
}

/// What is known of these people, by roster id. Unknown ones are absent.
pub(super) async fn known(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, Known>> {
    look_up(tx, look!("CAST(NULL AS TEXT)", ""), district, names).await
}

/// The same, with the rows of their roles.
pub(super) async fn known_with_roles(
    tx: &mut Tx,
    district: DistrictId,
    names: &HashSet<&str>,
) -> Sql<HashMap<String, Known>> {
    let statement =
        look!("t.told", " LEFT JOIN account_roles t ON t.account_id = a.id AND t.fingerprint = a.fingerprint");
    look_up(tx, statement, district, names).await
}

async fn look_up(
    tx: &mut Tx,
    statement: &'static str,
    district: DistrictId,
    names: &HashSet<&str>,
) -> Sql<HashMap<String, Known>> {
    let rows = tx.all_rows(statement, &named(names), |rows| args![district, rows]).await?;
    rows.iter().map(Known::of).collect()
}
