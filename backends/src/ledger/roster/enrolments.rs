//! Who is in which class.

use std::collections::{BTreeMap, HashMap};

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Enrolment, RowFate};

use super::fate::Wanted;
use super::lanes::{Turn, both};
use super::{SqlLedger, begin_writing};
use crate::ledger::sql::{Cell, Failure, Row, Sql, Tx, args, cells};

/// A person in a class.
type Pair = (i64, AccountId);
/// The role there, and whether it is active.
type Part<'a> = (&'a str, bool);

impl SqlLedger {
    pub(super) async fn put_all_enrolments(&self, district: DistrictId, rows: &[Enrolment]) -> Sql<Vec<RowFate>> {
        let Some(dealt) = self.deal(rows, |enrolment| &enrolment.person) else {
            return self.put_enrolments_in(district, Turn::Own, &rows.iter().collect::<Vec<_>>()).await;
        };
        let left = Box::pin(self.put_enrolments_in(district, Turn::Held, &dealt.left));
        let right = Box::pin(self.put_enrolments_in(district, Turn::Held, &dealt.right));
        let (left, right) = self.in_turn(district, both(left, right)).await?;
        Ok(dealt.merge(left, right))
    }

    async fn put_enrolments_in(&self, district: DistrictId, turn: Turn, rows: &[&Enrolment]) -> Sql<Vec<RowFate>> {
        let put = || self.db.retrying(|| self.put_enrolments_once(district, turn, rows));
        match put().await {
            // Another process has put somebody into a class whom this one takes to be in none: the next look sees it.
            Err(Failure::Duplicate(_)) => put().await,
            other => other,
        }
    }

    async fn put_enrolments_once(&self, district: DistrictId, turn: Turn, rows: &[&Enrolment]) -> Sql<Vec<RowFate>> {
        let mut tx = self.begin_roster(district, turn).await?;
        let names: Vec<&str> = rows.iter().map(|row| row.class.as_str()).collect();
        let classes = self.classes(&mut tx, district, &names).await?;
        let names: Vec<&str> = rows.iter().map(|row| row.person.as_str()).collect();
        let people = self.accounts(&mut tx, district, &names).await?;
        let pairs: Vec<Option<Pair>> =
            classes.into_iter().zip(people).map(|(class, person)| class.zip(person)).collect();
        let free = self.numbers.take_free(pairs.iter().flatten().map(|(_, person)| *person));
        let looked_for: Vec<Pair> =
            pairs.iter().flatten().filter(|(_, person)| !free.contains(person)).copied().collect();
        let found = known(&mut tx, looked_for).await?;
        let known = parts(&found)?;
        let before = known.iter().map(|(pair, (role, active))| (*pair, (role.as_str(), *active))).collect();
        let mut wanted = Wanted::new(before, rows.len());
        let fates = rows
            .iter()
            .zip(pairs)
            .map(|(row, pair)| match pair {
                Some(pair) => wanted.put(pair, (row.role.as_str(), row.active), row.active),
                None => RowFate::Dangling,
            })
            .collect();
        let (old, mut new) = wanted.changed().partition::<Vec<_>, _>(|(pair, _)| known.contains_key(*pair));
        // In the order of the index, whose pages are in the processor's caches then.
        new.sort_unstable_by_key(|(pair, _)| **pair);
        if !(old.is_empty() && new.is_empty()) {
            begin_writing(&mut tx).await?;
            insert(&mut tx, &new).await?;
            update(&mut tx, &old).await?;
        }
        tx.commit().await?;
        Ok(fates)
    }
}

/// Enrolments that nobody else can make meanwhile, so no conflict is looked for.
async fn insert(tx: &mut Tx, new: &[(&Pair, &Part<'_>)]) -> Sql<()> {
    for ((role, active), pairs) in by_part(new) {
        tx.run_rows(
            "INSERT INTO enrolments (class_id, account_id, role, active)
             SELECT r.class, r.person, $2, $3 FROM {list $1: class bigint, person uuid} AS r",
            &pairs,
            |rows| args![rows, role, active],
        )
        .await?;
    }
    Ok(())
}

async fn update(tx: &mut Tx, old: &[(&Pair, &Part<'_>)]) -> Sql<()> {
    for ((role, active), pairs) in by_part(old) {
        tx.run_rows(
            "UPDATE enrolments SET role = $2, active = $3 FROM {table $1: class bigint, person uuid} AS r
             WHERE enrolments.class_id = r.class AND enrolments.account_id = r.person",
            &pairs,
            |rows| args![rows, role, active],
        )
        .await?;
    }
    Ok(())
}

/// Nearly all rows of a roster are active pupils: what is the same in all of them is said once.
fn by_part<'a>(rows: &[(&Pair, &Part<'a>)]) -> BTreeMap<Part<'a>, Vec<[Cell<'static>; 2]>> {
    let mut parts: BTreeMap<Part<'a>, Vec<[Cell<'static>; 2]>> = BTreeMap::new();
    for ((class, person), part) in rows {
        parts.entry(**part).or_default().push(cells![*class, *person]);
    }
    parts
}

/// What the ledger has of these enrolments.
async fn known(tx: &mut Tx, mut pairs: Vec<Pair>) -> Sql<Vec<Row>> {
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.iter().map(|(class, person)| cells![*class, *person]).collect();
    tx.all_rows(
        "SELECT e.class_id, e.account_id, e.role, e.active FROM {table $1: class bigint, person uuid} AS r
         JOIN enrolments e ON e.class_id = r.class AND e.account_id = r.person",
        &pairs,
        |pairs| args![pairs],
    )
    .await
}

fn parts(rows: &[Row]) -> Sql<HashMap<Pair, (String, bool)>> {
    rows.iter()
        .map(|row| Ok(((row.get("class_id")?, row.get("account_id")?), (row.get("role")?, row.get("active")?))))
        .collect()
}
