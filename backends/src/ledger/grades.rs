//! Grades in their normal form, for accounts that an older build wrote: it kept them as the roster wrote them.
//!
//! SQL does not know that `9th` is `09`, so this is the part of a migration that is written in Rust. The index on grades tells
//! which ones there are without reading any account, so that doing it again costs nothing; what an older process writes while
//! both run side by side is found by the next migration, or by the next import.

use keybell_shared::grade;
use keybell_shared::ids::DistrictId;

use super::SqlLedger;
use super::sql::{Sql, args};

/// How many accounts are locked at a time: few, because resets may be running.
const BATCH: u32 = 1_000;

/// Every grade of every district, one step of the index each.
const GRADES: &str = "WITH RECURSIVE told (district_id, grade) AS (
         SELECT d.id, (SELECT min(a.grade) FROM accounts a WHERE a.district_id = d.id AND a.grade IS NOT NULL)
         FROM districts d
         UNION ALL
         SELECT t.district_id,
             (SELECT min(a.grade) FROM accounts a WHERE a.district_id = t.district_id AND a.grade > t.grade)
         FROM told t WHERE t.grade IS NOT NULL
     )
     SELECT district_id, grade FROM told WHERE grade IS NOT NULL";

impl SqlLedger {
    /// Writes every grade in its normal form.
    pub(super) async fn normalise_grades(&self) -> Sql<()> {
        for row in &self.db.read(GRADES, args![]).await? {
            let (district, written): (DistrictId, String) = (row.get("district_id")?, row.get("grade")?);
            let normal = grade::normal(&written);
            if normal != written || written.is_empty() {
                while self.db.retrying(|| self.rename_some(district, &written, &normal)).await? > 0 {}
            }
        }
        Ok(())
    }

    /// Renames the grade of some accounts, and answers of how many.
    async fn rename_some(&self, district: DistrictId, written: &str, normal: &str) -> Sql<u64> {
        let mut tx = self.db.begin().await?;
        let renamed = tx
            .run(
                "UPDATE accounts SET grade = NULLIF($3, '') WHERE id IN (
                     SELECT id FROM accounts WHERE district_id = $1 AND grade = $2 ORDER BY id LIMIT $4 {lock})",
                args![district, written, normal, BATCH],
            )
            .await?;
        tx.commit().await?;
        Ok(renamed)
    }
}
