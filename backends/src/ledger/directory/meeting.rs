//! Where very many have each of several things: the lists of all of them are read side by side, in the order of ids.
//!
//! Looking each candidate of one list up in the others costs as much as reading thirty entries. So when the first rounds have not
//! filled a page, the next one decides a far longer stretch: it reads every list once, from where the last round ended, and
//! answers whom all of them have. How far it goes is bounded by how many entries that are. The beginnings of names have another
//! order: they are sorted first while they are not too many, else whoever is met is judged by them, as by everything else that is
//! no such list.

use keybell_shared::ids::AccountId;
use uuid::Uuid;

use super::SqlLedger;
use super::candidates::{Candidates, Sieve, Source, count, ids, is_further, nth, page};
use super::conditions::{Conditions, Field};
use super::ways::Probe;
use crate::ledger::sql::{Composed, Sql, args};

/// How many lists there may be for one field.
pub(super) const LISTS: usize = 64;

/// How much is read at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Entries of one field's lists, about.
    pub each: u32,
    /// Entries of all, about.
    pub all: u32,
    /// Entries that are sorted, all names together.
    pub sorted: u32,
    /// People who are met, where each is judged by what is no list.
    pub judged: u32,
}

/// Reading and meeting 214,000 entries took 37 ms where nothing else ran, and finding out how far that is nearly as much.
pub(super) const BOUNDS: Bounds = Bounds { each: 100_000, all: 200_000, sorted: 120_000, judged: 4_096 };

/// Lists in the order of ids, one field's together.
#[derive(Debug, Default)]
pub(super) struct Meeting<'a>(Vec<(Field, &'a [Probe])>);

impl Sieve {
    /// Whom all lists have, if that is further than a walk gets.
    pub(super) async fn meet(
        &self,
        ledger: &SqlLedger,
        (after, walked): (AccountId, AccountId),
        limit: u32,
        bounds: Bounds,
    ) -> Sql<Option<Candidates>> {
        let Some(meeting) = self.meeting(ledger, bounds).await? else { return Ok(None) };
        let Some(after) = meeting.seek(ledger, after).await? else {
            return Ok(Some(Candidates::default()));
        };
        let reach = meeting.reach(ledger, after, bounds).await?;
        if !is_further(reach, Some(walked)) {
            return Ok(None);
        }
        let statement = meeting.statement(&self.conditions, (after, reach), (bounds.judged, limit));
        let (mut ids, mut all_judged): (Vec<AccountId>, bool) = (Vec::new(), true);
        for row in ledger.db.ask_side_by_side(statement).await? {
            ids.push(row.get("id")?);
            all_judged &= !row.get::<bool>("last")?;
        }
        // Nobody beyond the last of those who were judged is known. That one may fit or not: more is asked of all anyhow.
        let reach = if all_judged { reach } else { ids.last().copied() };
        Ok(Some(Candidates { dear: true, ..page(ids, limit, reach) }))
    }

    /// The lists of this search; none when there are not two, or when the database cannot read them so.
    async fn meeting(&self, ledger: &SqlLedger, bounds: Bounds) -> Sql<Option<Meeting<'_>>> {
        let nobody = self.ordered.iter().any(|source| source.probes.is_empty());
        if nobody || !ledger.db.merges() || self.ordered.len() + self.unordered.len() < 2 {
            return Ok(None);
        }
        let mut meeting = Meeting(self.ordered.iter().map(|source| (source.field, &*source.probes)).collect());
        let mut room = bounds.sorted;
        for Source { field, probes, apart } in &self.unordered {
            if apart.is_empty() {
                continue;
            }
            if !are_in_order(apart) {
                let names = count(ledger, probes, room).await?;
                if names >= i64::from(room) {
                    continue;
                }
                room -= u32::try_from(names).unwrap_or(room);
            }
            meeting.0.push((*field, apart));
        }
        let some_in_order = meeting.0.iter().any(|(_, probes)| are_in_order(probes));
        Ok(Some(meeting).filter(|meeting| some_in_order && meeting.0.len() > 1))
    }
}

fn are_in_order(probes: &[Probe]) -> bool {
    probes.iter().all(Probe::is_in_order)
}

impl Meeting<'_> {
    /// From where on to look: before that, a list that is to be sorted has nobody. `None` when it has nobody any more.
    async fn seek(&self, ledger: &SqlLedger, from: AccountId) -> Sql<Option<AccountId>> {
        let mut after = from;
        for (_, probes) in self.0.iter().filter(|(_, probes)| !are_in_order(probes)) {
            let mut nearest: Option<AccountId> = None;
            for probe in *probes {
                let found = ids(ledger, probe.first(after)).await?;
                nearest = nearest.into_iter().chain(found.first().copied()).min();
            }
            let Some(nearest) = nearest else { return Ok(None) };
            after = after.max(AccountId(Uuid::from_u128(nearest.0.as_u128().saturating_sub(1))));
        }
        Ok(Some(after))
    }

    /// How far the lists are read; `None`: to the end.
    async fn reach(&self, ledger: &SqlLedger, after: AccountId, bounds: Bounds) -> Sql<Option<AccountId>> {
        let share = |whole: u32, parts: usize| whole / u32::try_from(parts).unwrap_or(whole).max(1);
        let each = bounds.each.min(share(bounds.all, self.0.len()));
        let mut reach: Option<AccountId> = None;
        for (_, probes) in self.0.iter().filter(|(_, probes)| are_in_order(probes)) {
            // A role has two lists, and both have nearly the same people.
            let each = share(each, probes.len().div_ceil(2)).max(1);
            for probe in *probes {
                reach = reach.into_iter().chain(nth(ledger, probe, after, each).await?).min();
            }
        }
        Ok(reach)
    }

    /// Whom all have between two ids, of these who meet the conditions; `last` says whether more were not judged.
    fn statement(
        &self,
        conditions: &Conditions,
        (after, reach): (AccountId, Option<AccountId>),
        (judged, limit): (u32, u32),
    ) -> Composed {
        let between = (after, reach.unwrap_or(AccountId(Uuid::max())));
        let fields: Vec<Field> = self.0.iter().map(|(field, _)| *field).collect();
        if !conditions.ask_besides(&fields) {
            let statement = self.met(Composed::default().text(&["SELECT DISTINCT c.id, FALSE AS last FROM "]), between);
            return statement.and(" ORDER BY c.id LIMIT ?", args![limit]);
        }
        let statement = Composed::default().and("SELECT c.id, c.n = ? AS last FROM (SELECT c.id, ", args![judged]);
        let statement = conditions.as_column(statement, &fields);
        let statement =
            statement.text(&[" AS fits, row_number() OVER (ORDER BY c.id) AS n FROM (SELECT DISTINCT c.id FROM "]);
        let statement = self.met(statement, between).and(" ORDER BY c.id LIMIT ?) AS c) AS c", args![judged]);
        statement.and(" WHERE c.fits OR c.n = ? ORDER BY c.id LIMIT ?", args![judged, limit])
    }

    /// The lists, as `c`, each with the next one.
    fn met(&self, mut statement: Composed, between: (AccountId, AccountId)) -> Composed {
        for (place, (_, probes)) in self.0.iter().enumerate() {
            let before = match place {
                0 => "(",
                1 => " WHERE c.id IN (",
                _ => " AND c.id IN (",
            };
            statement =
                list(statement.text(&[before]), probes, between).text(&[if place == 0 { ") AS c" } else { ")" }]);
        }
        statement
    }

    /// The statement for these lists, for its plan.
    pub(super) fn for_plans<'a>(
        lists: Vec<(Field, &'a [Probe])>,
        conditions: &Conditions,
        from: AccountId,
        limit: u32,
    ) -> Composed {
        Meeting::<'a>(lists).statement(conditions, (from, None), (BOUNDS.judged, limit))
    }
}

/// One field's ids in order.
fn list(statement: Composed, probes: &[Probe], between: (AccountId, AccountId)) -> Composed {
    if let [probe] = probes {
        return probe.between(statement, between);
    }
    let mut statement = statement.text(&["SELECT u.id FROM ("]);
    for (place, probe) in probes.iter().enumerate() {
        statement = probe.between(statement.text(&[if place == 0 { "(" } else { " UNION ALL (" }]), between);
        statement = statement.text(&[")"]);
    }
    statement.text(&[") AS u ORDER BY u.id {lite LIMIT -1} OFFSET 0"])
}

#[cfg(test)]
mod tests {
    use keybell_shared::ids::DistrictId;

    use super::super::ways::{FAMILY, GRADE, YEAR};
    use super::*;

    #[test]
    fn whoever_is_met_is_judged_by_what_is_no_list() {
        let district = DistrictId(Uuid::nil());
        let grades = [Probe::one(&GRADE, args![district, "05"]), Probe::one(&GRADE, args![district, "06"])];
        let years = [Probe::one(&YEAR, args![district, 2030])];
        let lists = vec![(Field::Grades, &grades[..]), (Field::Years, &years[..])];
        let mut conditions = Conditions::new(district);
        conditions.probe(Field::Grades, grades.to_vec());
        conditions.probe(Field::Years, years.to_vec());
        let from = AccountId(Uuid::nil());
        let text = |conditions: &Conditions| format!("{:?}", Meeting::for_plans(lists.clone(), conditions, from, 9));
        assert!(!text(&conditions).contains("fits"));
        conditions.probe(Field::Family, vec![Probe::one(&FAMILY, args![district, "a", "b"])]);
        let text = text(&conditions);
        assert!(text.contains("fits") && text.matches("a.family_key").count() == 2, "{text}");
        assert_eq!(text.matches("UNION ALL").count(), 1, "{text}");
    }
}
