//! What the ledger knows of people before a batch says anything new, by one look at each.
//!
//! A first roster has nobody whom the ledger knows. So where the batch before had none, a lane looks for nobody and takes all
//! for new: whoever is not, meets the unique index on roster ids, the lane is undone, and its rows are written as the rows of
//! any other batch, with a look ([`super::calm`]).

use std::collections::{HashMap, HashSet};

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::standing::is_kin;

use super::named;
use super::people::{Reading, Said};
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
    /// The rows of their roles, as they are written; `None` if there are none, or something else changed the account since.
    pub(super) told: Option<String>,
}

impl Known {
    /// The role and rank that a row leaves the person. Who becomes inactive by a role that somebody assumed keeps the more
    /// privileged one that they are known with, so that no such list makes them less when they come back.
    pub(super) fn standing<'a>(known: Option<&'a Self>, person: Said<'a>) -> (&'a str, i32) {
        match known {
            Some(known) if person.row.role_assumed && known.outweighs(person.role, person.rank) => {
                (&known.role, known.rank)
            }
            Some(_) | None => (person.role, person.rank),
        }
    }

    /// Whether they are known as something that a role which somebody only assumed does not replace: as more privileged, or as
    /// somebody who is told nothing about others, where it would make them somebody's guardian.
    pub(super) fn outweighs(&self, role: &str, rank: i32) -> bool {
        self.rank > rank || (self.rank == rank && is_kin(role) && !is_kin(&self.role))
    }

    /// Whether the ledger has all that a row says, the rows of roles included.
    pub(super) fn says(&self, reading: &Reading<'_>) -> bool {
        self.fingerprint == reading.fingerprint
            && reading.said.told.is_none_or(|told| self.told.as_deref() == Some(told))
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

/// What is known of these people, by roster id. Unknown ones are absent.
pub(super) async fn known(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, Known>> {
    let rows = tx
        .all_rows(
            "SELECT a.source_id, a.id, a.username, a.username_key, a.fingerprint, a.renamed, a.rank, a.role, a.active,
                 a.told
             FROM {table $2: name text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)",
            &named(names),
            |rows| args![district, rows],
        )
        .await?;
    rows.iter().map(Known::of).collect()
}
