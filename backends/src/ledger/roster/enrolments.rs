//! Who is in which class.

use std::collections::{HashMap, HashSet};

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Enrolment, RowFate};

use super::fate::Wanted;
use super::{SqlLedger, accounts, begin_writing, each, named};
use crate::ledger::sql::{Sql, Tx, args, cells};

impl SqlLedger {
    pub(super) async fn put_enrolments_once(&self, district: DistrictId, rows: &[Enrolment]) -> Sql<Vec<RowFate>> {
        let mut tx = self.begin_roster(district).await?;
        let names: HashSet<&str> = rows.iter().map(|enrolment| enrolment.class.as_str()).collect();
        let classes = classes(&mut tx, district, &names).await?;
        let names: HashSet<&str> = rows.iter().map(|enrolment| enrolment.person.as_str()).collect();
        let people = accounts(&mut tx, district, &names).await?;
        let mut wanted = Wanted::new(known(&mut tx, &people).await?);
        let fates = rows
            .iter()
            .map(|row| match (classes.get(&row.class), people.get(&row.person)) {
                (Some(class), Some(person)) => {
                    wanted.put((*class, *person), (row.role.clone(), row.active), row.active)
                }
                _ => RowFate::Dangling,
            })
            .collect();
        let changed: Vec<_> =
            wanted.changed().map(|((class, person), (role, active))| cells![*class, *person, role, *active]).collect();
        if !changed.is_empty() {
            begin_writing(&mut tx).await?;
            tx.run_rows(
                "INSERT INTO enrolments (class_id, account_id, role, active)
                 SELECT r.class, r.person, r.role, r.active
                 FROM {table $1: class bigint, person uuid, role text, active boolean} AS r
                 WHERE TRUE
                 ON CONFLICT (class_id, account_id) DO UPDATE SET role = excluded.role, active = excluded.active",
                &changed,
                |rows| args![rows],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(fates)
    }
}

async fn classes(tx: &mut Tx, district: DistrictId, names: &HashSet<&str>) -> Sql<HashMap<String, i64>> {
    let rows = tx
        .all_rows(
            "SELECT r.name, (SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.source_id = r.name) AS id
             FROM {table $2: name text} AS r",
            &named(names),
            |rows| args![district, rows],
        )
        .await?;
    super::known(&rows)
}

/// All enrolments of these people: a person is in a few classes, a class may have everybody.
async fn known(tx: &mut Tx, people: &HashMap<String, AccountId>) -> Sql<HashMap<(i64, AccountId), (String, bool)>> {
    let people: Vec<AccountId> = people.values().copied().collect();
    let rows = tx
        .all_rows(
            "SELECT class_id, account_id, role, active FROM enrolments WHERE account_id {among $1 uuid}",
            &each(&people),
            |people| args![people],
        )
        .await?;
    rows.iter()
        .map(|row| Ok(((row.get("class_id")?, row.get("account_id")?), (row.get("role")?, row.get("active")?))))
        .collect()
}
