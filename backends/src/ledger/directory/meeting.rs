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
use super::candidates::{Candidates, Sieve, Source, count, is_further, nth, page};
use super::conditions::{Conditions, Field};
use super::ways::Probe;
use crate::ledger::sql::{Composed, Sql, args};

/// How many entries of one list are read at most, and of all together.
const EACH: u32 = 100_000;
const ALL: u32 = 240_000;
/// How many entries are sorted.
const SORTED: u32 = 120_000;
/// How many lists there may be for one field.
pub(super) const LISTS: usize = 64;
/// How many of those who are met are judged by what is no list.
const JUDGED: u32 = 4_096;

/// Lists in the order of ids, one field's together.
#[derive(Debug, Default)]
pub(super) struct Meeting<'a>(Vec<(Field, &'a [Probe])>);

impl Sieve {
    /// Whom all lists have, if that is further than a walk gets.
    pub(super) async fn meet(
        &self,
        ledger: &SqlLedger,
        after: AccountId,
        walked: AccountId,
        limit: u32,
    ) -> Sql<Option<Candidates>> {
        let Some(meeting) = self.meeting(ledger).await? else { return Ok(None) };
        let reach = meeting.reach(ledger, after).await?;
        if !is_further(reach, Some(walked)) {
            return Ok(None);
        }
        let statement = meeting.statement(&self.conditions, (after, reach), limit);
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
    async fn meeting(&self, ledger: &SqlLedger) -> Sql<Option<Meeting<'_>>> {
        let nobody = self.ordered.iter().any(|source| source.probes.is_empty());
        if !ledger.db.merges() || nobody || self.ordered.len() + self.unordered.len() < 2 {
            return Ok(None);
        }
        let mut meeting = Meeting(self.ordered.iter().map(|source| (source.field, &*source.probes)).collect());
        for Source { field, probes, apart } in &self.unordered {
            let sorted = apart.iter().any(|probe| !probe.is_in_order());
            if !apart.is_empty() && (!sorted || count(ledger, probes, SORTED).await? < i64::from(SORTED)) {
                meeting.0.push((*field, apart));
            }
        }
        let in_order = meeting.0.iter().any(|(_, probes)| probes.iter().all(Probe::is_in_order));
        Ok(Some(meeting).filter(|meeting| in_order && meeting.0.len() > 1))
    }
}

impl Meeting<'_> {
    /// How far the lists are read; `None`: to the end.
    async fn reach(&self, ledger: &SqlLedger, after: AccountId) -> Sql<Option<AccountId>> {
        let in_order: Vec<&Probe> =
            self.0.iter().flat_map(|(_, probes)| *probes).filter(|probe| probe.is_in_order()).collect();
        let each = EACH.min(ALL / u32::try_from(in_order.len()).unwrap_or(ALL).max(1));
        let mut reach: Option<AccountId> = None;
        for probe in in_order {
            reach = reach.into_iter().chain(nth(ledger, probe, after, each).await?).min();
        }
        Ok(reach)
    }

    /// Whom all have between two ids, of these who meet the conditions; `last` says whether more were not judged.
    fn statement(
        &self,
        conditions: &Conditions,
        (after, reach): (AccountId, Option<AccountId>),
        limit: u32,
    ) -> Composed {
        let between = (after, reach.unwrap_or(AccountId(Uuid::max())));
        let fields: Vec<Field> = self.0.iter().map(|(field, _)| *field).collect();
        if !conditions.ask_besides(&fields) {
            let statement = self.met(Composed::default().text(&["SELECT DISTINCT c.id, FALSE AS last FROM "]), between);
            return statement.and(" ORDER BY c.id LIMIT ?", args![limit]);
        }
        let statement = Composed::default().and("SELECT c.id, c.n = ? AS last FROM (SELECT c.id, ", args![JUDGED]);
        let statement = conditions.as_column(statement, &fields);
        let statement =
            statement.text(&[" AS fits, row_number() OVER (ORDER BY c.id) AS n FROM (SELECT DISTINCT c.id FROM "]);
        let statement = self.met(statement, between).and(" ORDER BY c.id LIMIT ?) AS c) AS c", args![JUDGED]);
        statement.and(" WHERE c.fits OR c.n = ? ORDER BY c.id LIMIT ?", args![JUDGED, limit])
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
        Meeting::<'a>(lists).statement(conditions, (from, None), limit)
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
        let judged = text(&conditions);
        assert!(judged.contains("fits") && judged.matches("a.family_key").count() == 2, "{judged}");
        assert_eq!(judged.matches("UNION ALL").count(), 1, "{judged}");
    }
}
