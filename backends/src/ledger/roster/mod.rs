//! Bringing a roster into the ledger: a batch is a handful of statements in one transaction, or in two at the same time
//! ([`lanes`]), whatever its size.
//!
//! Every batch holds the lock of its district, so that two imports of one district take turns: what a batch has read
//! about names and ids is still true when it writes. Resets and sign-ins do not wait for it.

mod calm;
mod changes;
mod enrolments;
mod fate;
mod groups;
mod guardians;
mod known;
mod lanes;
mod memberships;
mod names;
mod numbers;
mod organisations;
mod people;
mod people_store;
mod places;
mod relatives;
mod told;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, LedgerResult, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};

use super::SqlLedger;
use super::sql::{Cell, Column, Row, Sql, Tx, args, cells};
use calm::{Parts, Whole};
use numbers::Numbered;
pub(super) use numbers::Numbers;

#[async_trait]
impl RosterLedger for SqlLedger {
    async fn put_schools(&self, district: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.db.retrying(|| self.put_schools_once(district, rows)).await?)
    }

    async fn put_classes(&self, district: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>> {
        Ok(Box::pin(self.put_all_classes(district, rows)).await?)
    }

    async fn put_people(&self, district: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>> {
        Ok(Box::pin(self.put_about(district, &Whole, rows)).await?)
    }

    async fn change_people(
        &self,
        district: DistrictId,
        ranks: &Ranks,
        rows: &[PersonChange],
    ) -> LedgerResult<Vec<Changed>> {
        Ok(Box::pin(self.put_about(district, &Parts(ranks), rows)).await?)
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

    async fn schools(&self, district: DistrictId) -> LedgerResult<Option<Vec<String>>> {
        Ok(Some(self.school_ids(district).await?))
    }

    async fn link_guardians(
        &self,
        district: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> LedgerResult<Vec<(String, String)>> {
        Ok(Box::pin(self.link_all_guardians(district, links)).await?)
    }

    async fn put_enrolments(&self, district: DistrictId, rows: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        Ok(Box::pin(self.put_all_enrolments(district, rows)).await?)
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

/// The ledger's ids of what a roster names, in the order of the names.
impl SqlLedger {
    async fn classes(&self, tx: &mut Tx, district: DistrictId, names: &[&str]) -> Sql<Vec<Option<i64>>> {
        let statement =
            "SELECT r.name, (SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.source_id = r.name) AS id
             FROM {table $2: name text} AS r";
        self.numbered(tx, statement, district, names).await
    }

    async fn accounts(&self, tx: &mut Tx, district: DistrictId, names: &[&str]) -> Sql<Vec<Option<AccountId>>> {
        let statement =
            "SELECT r.name, (SELECT a.id FROM accounts a WHERE a.district_id = $1 AND a.source_id = r.name) AS id
             FROM {table $2: name text} AS r";
        self.numbered(tx, statement, district, names).await
    }

    /// Asks only for those that this process has not met. The transaction must not have made any of them itself.
    async fn numbered<N: Numbered>(
        &self,
        tx: &mut Tx,
        statement: &'static str,
        district: DistrictId,
        names: &[&str],
    ) -> Sql<Vec<Option<N>>>
    where
        Option<N>: Column,
    {
        let mut numbers: Vec<Option<N>> = self.numbers.find(district, names.iter().copied());
        let unmet: HashSet<&str> =
            names.iter().zip(&numbers).filter(|(_, id)| id.is_none()).map(|(name, _)| *name).collect();
        if unmet.is_empty() {
            return Ok(numbers);
        }
        let found: HashMap<String, N> =
            known(&tx.all_rows(statement, &named(&unmet), |rows| args![district, rows]).await?)?;
        self.numbers.keep(district, found.iter().map(|(name, id)| (name.as_str(), *id)));
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = number.or_else(|| found.get(*name).copied());
        }
        Ok(numbers)
    }
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
