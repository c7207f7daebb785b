//! Who is told about a pupil besides the pupil.

use std::collections::{BTreeMap, HashMap, HashSet};

use keybell_shared::ids::{AccountId, DistrictId};

use super::{SqlLedger, accounts, begin_writing, each};
use crate::ledger::sql::{Sql, Tx, args, cells};

impl SqlLedger {
    pub(super) async fn link_guardians_once(
        &self,
        district: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> Sql<Vec<(String, String)>> {
        let mut tx = self.begin_roster(district).await?;
        let names: HashSet<&str> = links
            .iter()
            .flat_map(|(pupil, guardians)| std::iter::once(pupil).chain(guardians))
            .map(String::as_str)
            .collect();
        let people = accounts(&mut tx, district, &names).await?;
        let mut unknown = Vec::new();
        let mut wanted: BTreeMap<AccountId, Vec<AccountId>> = BTreeMap::new();
        for (pupil, guardians) in links {
            let mut found: Vec<AccountId> = Vec::with_capacity(guardians.len());
            for guardian in guardians {
                match people.get(guardian) {
                    Some(id) if found.contains(id) => {}
                    Some(id) => found.push(*id),
                    None => unknown.push((pupil.clone(), guardian.clone())),
                }
            }
            // A pupil whom nobody knows has been reported with their own row.
            if let Some(id) = people.get(pupil) {
                wanted.insert(*id, found);
            }
        }
        store(&mut tx, wanted).await?;
        tx.commit().await?;
        Ok(unknown)
    }
}

/// Replaces the guardians of those pupils for whom something changed.
async fn store(tx: &mut Tx, mut wanted: BTreeMap<AccountId, Vec<AccountId>>) -> Sql<()> {
    let pupils: Vec<AccountId> = wanted.keys().copied().collect();
    let rows = tx
        .all_rows(
            "SELECT account_id, guardian_id FROM guardians WHERE account_id {among $1 uuid} ORDER BY account_id, place",
            &each(&pupils),
            |pupils| args![pupils],
        )
        .await?;
    let mut known: HashMap<AccountId, Vec<AccountId>> = HashMap::new();
    for row in &rows {
        known.entry(row.get("account_id")?).or_default().push(row.get("guardian_id")?);
    }
    wanted.retain(|pupil, guardians| known.get(pupil).map_or(&[][..], Vec::as_slice) != guardians.as_slice());
    if wanted.is_empty() {
        return Ok(());
    }
    begin_writing(tx).await?;
    let pupils: Vec<AccountId> = wanted.keys().copied().collect();
    let changed: Vec<AccountId> = pupils.into_iter().filter(|pupil| known.contains_key(pupil)).collect();
    tx.run_rows("DELETE FROM guardians WHERE account_id {among $1 uuid}", &each(&changed), |pupils| args![pupils])
        .await?;
    let links: Vec<_> = wanted
        .iter()
        .flat_map(|(pupil, guardians)| {
            guardians.iter().zip(0_i32..).map(|(guardian, place)| cells![*pupil, *guardian, place])
        })
        .collect();
    tx.run_rows(
        "INSERT INTO guardians (account_id, guardian_id, place)
         SELECT r.pupil, r.guardian, r.place FROM {table $1: pupil uuid, guardian uuid, place integer} AS r",
        &links,
        |links| args![links],
    )
    .await?;
    Ok(())
}
