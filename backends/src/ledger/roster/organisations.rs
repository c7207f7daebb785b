//! Organisations that are no schools, kept for rosters of changes, which do not repeat them.

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Organisation, School};

use super::lanes::Turn;
use super::{SqlLedger, begin_writing};
use crate::ledger::sql::{Sql, args, cells};

impl SqlLedger {
    pub(super) async fn put_organisations_once(&self, district: DistrictId, rows: &[Organisation]) -> Sql<()> {
        let mut tx = self.begin_roster(district, Turn::Own).await?;
        begin_writing(&mut tx).await?;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| cells![&row.place.source_id, &row.place.name, row.place.active, row.is_district])
            .collect();
        tx.run_rows(
            "INSERT INTO organisations (district_id, source_id, name, active, is_district)
             SELECT $1, r.source_id, r.name, r.active, r.is_district
             FROM {table $2: source_id text, name text, active boolean, is_district boolean} AS r
             WHERE TRUE
             ON CONFLICT (district_id, source_id) DO UPDATE SET
                 name = excluded.name, active = excluded.active, is_district = excluded.is_district",
            &rows,
            |rows| args![district, rows],
        )
        .await?;
        tx.commit().await
    }

    /// What has become a school since is one, and nothing that is kept besides.
    pub(super) async fn organisations_once(&self, district: DistrictId) -> Sql<Vec<Organisation>> {
        let rows = self
            .db
            .read(
                "SELECT o.source_id, o.name, o.active, o.is_district FROM organisations o
                 WHERE o.district_id = $1 AND NOT EXISTS (
                     SELECT 1 FROM schools s WHERE s.district_id = $1 AND s.source_id = o.source_id)
                 ORDER BY o.source_id",
                args![district],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let place =
                    School { source_id: row.get("source_id")?, name: row.get("name")?, active: row.get("active")? };
                Ok(Organisation { place, is_district: row.get("is_district")? })
            })
            .collect()
    }

    /// The roster ids of all schools.
    pub(super) async fn school_ids(&self, district: DistrictId) -> Sql<Vec<String>> {
        let statement = "SELECT source_id FROM schools WHERE district_id = $1 ORDER BY source_id";
        self.db.read(statement, args![district]).await?.iter().map(|row| row.get("source_id")).collect()
    }
}
