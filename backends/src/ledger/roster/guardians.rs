//! Who is told about a pupil besides the pupil.

use std::collections::{BTreeMap, HashMap};

use keybell_shared::ids::{AccountId, DistrictId};

use super::lanes::{Turn, both};
use super::{SqlLedger, begin_writing, each};
use crate::ledger::sql::{Sql, Tx, args, cells};

/// A pupil and the guardians that a roster names, by roster ids.
type Link = (String, Vec<String>);

impl SqlLedger {
    pub(super) async fn link_all_guardians(&self, district: DistrictId, links: &[Link]) -> Sql<Vec<(String, String)>> {
        let unknown = match self.deal(links, |(pupil, _)| pupil) {
            Some(dealt) => {
                let left = Box::pin(self.link_guardians_in(district, Turn::Held, &dealt.left));
                let right = Box::pin(self.link_guardians_in(district, Turn::Held, &dealt.right));
                let (left, right) = self.in_turn(district, both(left, right)).await?;
                dealt.merge(left, right)
            }
            None => self.link_guardians_in(district, Turn::Own, &links.iter().collect::<Vec<_>>()).await?,
        };
        let of_pupil = |((pupil, _), unknown): (&Link, Vec<String>)| {
            let pupil = pupil.clone();
            unknown.into_iter().map(move |guardian| (pupil.clone(), guardian))
        };
        Ok(links.iter().zip(unknown).flat_map(of_pupil).collect())
    }

    async fn link_guardians_in(&self, district: DistrictId, turn: Turn, links: &[&Link]) -> Sql<Vec<Vec<String>>> {
        self.db.retrying(|| self.link_guardians_once(district, turn, links)).await
    }

    /// Answers for each pupil the guardians that nobody knows.
    async fn link_guardians_once(&self, district: DistrictId, turn: Turn, links: &[&Link]) -> Sql<Vec<Vec<String>>> {
        let mut tx = self.begin_roster(district, turn).await?;
        let mut names: Vec<&str> = Vec::with_capacity(2 * links.len());
        for (pupil, guardians) in links.iter().copied() {
            names.push(pupil);
            names.extend(guardians.iter().map(String::as_str));
        }
        let mut people = self.accounts(&mut tx, district, &names).await?.into_iter();
        let mut unknown = Vec::with_capacity(links.len());
        let mut wanted: BTreeMap<AccountId, Vec<AccountId>> = BTreeMap::new();
        for (_, guardians) in links {
            let pupil = people.next().flatten();
            let mut found: Vec<AccountId> = Vec::with_capacity(guardians.len());
            let mut nobody = Vec::new();
            for (guardian, known) in guardians.iter().zip(people.by_ref()) {
                match known {
                    Some(id) if found.contains(&id) => {}
                    Some(id) => found.push(id),
                    None => nobody.push(guardian.clone()),
                }
            }
            unknown.push(nobody);
            // A pupil whom nobody knows has been reported with their own row.
            if let Some(id) = pupil {
                wanted.insert(id, found);
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
         SELECT r.pupil, r.guardian, r.place FROM {list $1: pupil uuid, guardian uuid, place integer} AS r",
        &links,
        |links| args![links],
    )
    .await?;
    Ok(())
}
