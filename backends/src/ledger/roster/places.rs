//! Schools and classes.

use std::collections::HashSet;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Class, RowFate, School};

use super::fate::Wanted;
use super::lanes::{Turn, both};
use super::{SqlLedger, begin_writing, named, schools};
use crate::ledger::sql::{Cell, Sql, Tx, args, cells};

/// Everything of a school or class that can change: name, school (for classes), active.
type Place = (String, Option<i64>, bool);

impl SqlLedger {
    pub(super) async fn put_schools_once(&self, district: DistrictId, rows: &[School]) -> Sql<Vec<RowFate>> {
        let mut tx = self.begin_roster(district, Turn::Own).await?;
        let names: HashSet<&str> = rows.iter().map(|school| school.source_id.as_str()).collect();
        let known = tx
            .all_rows(
                "SELECT s.source_id, s.name, s.active FROM {table $2: name text} AS r
                 JOIN schools s ON s.id = (
                     SELECT x.id FROM schools x WHERE x.district_id = $1 AND x.source_id = r.name)",
                &named(&names),
                |rows| args![district, rows],
            )
            .await?;
        let mut wanted: Wanted<String, Place> = Wanted::new(
            known
                .iter()
                .map(|row| Ok((row.get("source_id")?, (row.get("name")?, None, row.get("active")?))))
                .collect::<Sql<_>>()?,
            rows.len(),
        );
        let fates = rows
            .iter()
            .map(|school| {
                wanted.put(school.source_id.clone(), (school.name.clone(), None, school.active), school.active)
            })
            .collect();
        let changed: Vec<_> = wanted.changed().map(|(id, (name, _, active))| cells![id, name, *active]).collect();
        begin_writing(&mut tx).await?;
        store_schools(&mut tx, district, &changed).await?;
        tx.commit().await?;
        Ok(fates)
    }

    pub(super) async fn put_all_classes(&self, district: DistrictId, rows: &[Class]) -> Sql<Vec<RowFate>> {
        let Some(dealt) = self.deal(rows, |class| &class.source_id) else {
            return self.put_classes_in(district, Turn::Own, &rows.iter().collect::<Vec<_>>()).await;
        };
        let left = Box::pin(self.put_classes_in(district, Turn::Held, &dealt.left));
        let right = Box::pin(self.put_classes_in(district, Turn::Held, &dealt.right));
        let (left, right) = self.in_turn(district, both(left, right)).await?;
        Ok(dealt.merge(left, right))
    }

    async fn put_classes_in(&self, district: DistrictId, turn: Turn, rows: &[&Class]) -> Sql<Vec<RowFate>> {
        self.db.retrying(|| self.put_classes_once(district, turn, rows)).await
    }

    async fn put_classes_once(&self, district: DistrictId, turn: Turn, rows: &[&Class]) -> Sql<Vec<RowFate>> {
        let mut tx = self.begin_roster(district, turn).await?;
        let at: HashSet<&str> = rows.iter().map(|class| class.school.as_str()).collect();
        let schools = schools(&mut tx, district, &at).await?;
        let names: HashSet<&str> = rows.iter().map(|class| class.source_id.as_str()).collect();
        let known = tx
            .all_rows(
                "SELECT c.source_id, c.title, c.school_id, c.active FROM {table $2: name text} AS r
                 JOIN classes c ON c.id = (
                     SELECT x.id FROM classes x WHERE x.district_id = $1 AND x.source_id = r.name)",
                &named(&names),
                |rows| args![district, rows],
            )
            .await?;
        let mut wanted: Wanted<String, Place> = Wanted::new(
            known
                .iter()
                .map(|row| Ok((row.get("source_id")?, (row.get("title")?, row.get("school_id")?, row.get("active")?))))
                .collect::<Sql<_>>()?,
            rows.len(),
        );
        let fates = rows
            .iter()
            .map(|class| match schools.get(&class.school) {
                Some(school) => {
                    let new = (class.title.clone(), Some(*school), class.active);
                    wanted.put(class.source_id.clone(), new, class.active)
                }
                None => RowFate::Dangling,
            })
            .collect();
        let changed: Vec<_> =
            wanted.changed().map(|(id, (title, school, active))| cells![id, title, *school, *active]).collect();
        begin_writing(&mut tx).await?;
        store_classes(&mut tx, district, &changed).await?;
        tx.commit().await?;
        Ok(fates)
    }
}

async fn store_schools(tx: &mut Tx, district: DistrictId, changed: &[[Cell<'_>; 3]]) -> Sql<()> {
    if changed.is_empty() {
        return Ok(());
    }
    tx.run_rows(
        "INSERT INTO schools (district_id, source_id, name, active)
         SELECT $1, r.source_id, r.name, r.active FROM {list $2: source_id text, name text, active boolean} AS r
         WHERE TRUE
         ON CONFLICT (district_id, source_id) DO UPDATE SET name = excluded.name, active = excluded.active",
        changed,
        |rows| args![district, rows],
    )
    .await?;
    Ok(())
}

async fn store_classes(tx: &mut Tx, district: DistrictId, changed: &[[Cell<'_>; 4]]) -> Sql<()> {
    if changed.is_empty() {
        return Ok(());
    }
    tx.run_rows(
        "INSERT INTO classes (district_id, school_id, source_id, title, active)
         SELECT $1, r.school, r.source_id, r.title, r.active
         FROM {list $2: source_id text, title text, school bigint, active boolean} AS r
         WHERE TRUE
         ON CONFLICT (district_id, source_id) DO UPDATE SET
             school_id = excluded.school_id, title = excluded.title, active = excluded.active",
        changed,
        |rows| args![district, rows],
    )
    .await?;
    Ok(())
}
