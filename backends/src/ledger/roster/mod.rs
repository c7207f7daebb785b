//! Bringing a roster into the ledger: a batch is a handful of statements in one transaction, whatever its size.
//!
//! Every batch holds the lock of its district, so that two imports of one district take turns: what a batch has read
//! about names and ids is still true when it writes. Resets and sign-ins do not wait for it.

mod changes;
mod enrolments;
mod fate;
mod groups;
mod guardians;
mod memberships;
mod names;
mod organisations;
mod people;
mod people_store;
mod places;
mod told;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, LedgerResult, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};

use super::SqlLedger;
use super::sql::{Cell, Column, Failure, Row, Sql, Tx, args, cells};

#[async_trait]
impl RosterLedger for SqlLedger {
    async fn put_schools(&self, district: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_schools_once(district, rows)).await?)
    }

    async fn put_classes(&self, district: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_classes_once(district, rows)).await?)
    }

    async fn put_people(&self, district: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>> {
        match self.db.retrying(|| self.put_people_once(district, rows)).await {
            // An upload gave somebody a name that was free when this batch looked: the next look sees it.
            Err(Failure::Duplicate(_)) => Ok(self.db.retrying(|| self.put_people_once(district, rows)).await?),
            other => Ok(other?),
        }
    }

    async fn change_people(
        &self,
        district: DistrictId,
        ranks: &Ranks,
        rows: &[PersonChange],
    ) -> LedgerResult<Vec<Changed>> {
        match self.db.retrying(|| self.change_people_once(district, ranks, rows)).await {
            // As above: the next look sees the name that is taken now.
            Err(Failure::Duplicate(_)) => {
                Ok(self.db.retrying(|| self.change_people_once(district, ranks, rows)).await?)
            }
            other => Ok(other?),
        }
    }

    async fn not_kin(&self, district: DistrictId, people: &[String]) -> LedgerResult<Vec<String>> {
        Ok(self.db.retrying(|| self.not_kin_once(district, people)).await?)
    }

    async fn put_organisations(&self, district: DistrictId, rows: &[Organisation]) -> LedgerResult<()> {
        Ok(self.db.retrying(|| self.put_organisations_once(district, rows)).await?)
    }

    async fn organisations(&self, district: DistrictId) -> LedgerResult<Vec<Organisation>> {
        Ok(self.db.retrying(|| self.organisations_once(district)).await?)
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
        // An import grows tables from nothing to very large while their statistics are still those of nothing: what
        // is read here is planned anew each time, by the size that the tables have now.
        let found = tx
            .first(
                "SELECT id{pg , set_config('plan_cache_mode', 'force_custom_plan', TRUE)} FROM districts
                 WHERE id = $1 {lock}",
                args![district],
            )
            .await?;
        found.map(|_| tx).ok_or_else(|| Failure::row(format!("there is no district {district}")))
    }
}

/// Everything is read. The checks of foreign keys are statements too, one for each row: planning those anew would cost
/// more than writing the rows.
async fn begin_writing(tx: &mut Tx) -> Sql<()> {
    tx.all("{pg SET LOCAL plan_cache_mode TO DEFAULT}{lite SELECT 1}", args![]).await?;
    Ok(())
}

/// The ledger's numbers of schools, by roster id. Unknown ones are absent.
async fn schools(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, i64>> {
    let rows = tx
        .all_rows(
            "SELECT r.name, (SELECT s.id FROM schools s WHERE s.district_id = $1 AND s.source_id = r.name) AS id
             FROM {table $2: name text} AS r",
            &named(names),
            |rows| args![district, rows],
        )
        .await?;
    known(&rows)
}

/// Accounts by roster id. Unknown ones are absent.
async fn accounts(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, AccountId>> {
    let rows = tx
        .all_rows(
            "SELECT r.name, (SELECT a.id FROM accounts a WHERE a.district_id = $1 AND a.source_id = r.name) AS id
             FROM {table $2: name text} AS r",
            &named(names),
            |rows| args![district, rows],
        )
        .await?;
    known(&rows)
}

/// Rows of `name` and `id`, without those that have no id.
fn known<T>(rows: &[Row]) -> Sql<HashMap<String, T>>
where
    Option<T>: Column,
{
    rows.iter().filter_map(|row| pair(row).transpose()).collect()
}

fn pair<T>(row: &Row) -> Sql<Option<(String, T)>>
where
    Option<T>: Column,
{
    let id: Option<T> = row.get("id")?;
    id.map(|id| Ok((row.get("name")?, id))).transpose()
}

/// Names as rows, each to be looked up by a subquery of its own. Written as a join or with `= ANY`, the database may
/// rather compare all names with every row of the district, which it does as long as it has no statistics.
fn named<'a>(names: &HashSet<&'a str>) -> Vec<[Cell<'a>; 1]> {
    names.iter().map(|name| cells![*name]).collect()
}

/// Accounts as rows.
fn each(accounts: &[AccountId]) -> Vec<[Cell<'static>; 1]> {
    accounts.iter().map(|account| cells![*account]).collect()
}
