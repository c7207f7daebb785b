//! Bringing a roster into the ledger: a batch is a handful of statements in one transaction, whatever its size.
//!
//! Every batch holds the lock of its district, so that two imports of one district take turns: what a batch has read
//! about names and ids is still true when it writes. Resets and sign-ins do not wait for it.

mod enrolments;
mod fate;
mod guardians;
mod memberships;
mod names;
mod people;
mod places;

use std::collections::HashMap;

use async_trait::async_trait;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Class, Enrolment, LedgerResult, Person, RosterLedger, RowFate, School};

use super::SqlLedger;
use super::sql::{Failure, Sql, Tx, args, json as json_arg};

#[async_trait]
impl RosterLedger for SqlLedger {
    async fn put_schools(&self, district: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_schools_once(district, rows)).await?)
    }

    async fn put_classes(&self, district: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_classes_once(district, rows)).await?)
    }

    async fn put_people(&self, district: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_people_once(district, rows)).await?)
    }

    async fn link_guardians(
        &self,
        district: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> LedgerResult<Vec<(String, String)>> {
        Ok(self.db.retrying(|| self.link_guardians_once(district, links)).await?)
    }

    async fn put_enrolments(&self, district: DistrictId, rows: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_enrolments_once(district, rows)).await?)
    }
}

impl SqlLedger {
    /// Begins a transaction that alone changes the roster of the district.
    async fn begin_roster(&self, district: DistrictId) -> Sql<Tx> {
        let mut tx = self.db.begin().await?;
        let found = tx.first("SELECT id FROM districts WHERE id = $1 {lock}", args![district]).await?;
        found.map(|_| tx).ok_or_else(|| Failure::row(format!("there is no district {district}")))
    }
}

/// The ledger's numbers of schools, by roster id. Unknown ones are absent.
async fn schools(tx: &mut Tx, district: DistrictId, names: &[&str]) -> Sql<HashMap<String, i64>> {
    let rows = tx
        .all(
            "SELECT source_id, id FROM schools WHERE district_id = $1 AND source_id {in $2 text}",
            args![district, json_arg(names)],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("source_id")?, row.get("id")?))).collect()
}

/// Accounts by roster id. Unknown ones are absent.
async fn accounts(tx: &mut Tx, district: DistrictId, names: &[&str]) -> Sql<HashMap<String, AccountId>> {
    let rows = tx
        .all(
            "SELECT source_id, id FROM accounts WHERE district_id = $1 AND source_id {in $2 text}",
            args![district, json_arg(names)],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("source_id")?, row.get("id")?))).collect()
}
