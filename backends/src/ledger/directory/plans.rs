//! The plans of the directory's statements, for the test that keeps each on its index.

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::LedgerResult;
use uuid::Uuid;

use super::SqlLedger;
use super::conditions::{Conditions, Field, OF_ROLES, WITHIN_RANK};
use super::meeting::Meeting;
use super::ways::{CLASS, DISTRICT, FAMILIES, FAMILY, GRADE, GROUP, MEMBERS_ROLE, Probe, ROLE, SCHOOL, USERNAME, YEAR};
use crate::ledger::sql::{Composed, args, json};

/// A statement of a search, and what its plan must be.
#[derive(Debug)]
pub struct SearchPlan {
    /// The index that it must read from.
    pub index: &'static str,
    /// Whether its rows come in order, so that nothing is sorted.
    pub in_order: bool,
    /// What the database plans.
    pub plan: String,
}

impl SqlLedger {
    /// Every statement that reads candidates, with its plan.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn search_plans(&self, district: DistrictId) -> LedgerResult<Vec<SearchPlan>> {
        let (from, limit) = (AccountId(Uuid::nil()), 9_u32);
        let ranges = json(&[serde_json::json!({"low": "a", "high": "b"})]);
        // Conditions that the index of a source does not have.
        let mut conditions = Conditions::new(district);
        conditions.probe(Field::Years, vec![Probe::one(&YEAR, args![district, 2031])]);
        conditions.push(Field::Roles, OF_ROLES, vec![json(&["student"]), json(&["student"])]);
        let asked = (&conditions, Field::District);
        let mut plans = Vec::new();
        for (way, one) in [
            (&DISTRICT, args![district]),
            (&GRADE, args![district, "05"]),
            (&YEAR, args![district, 2030]),
            (&ROLE, args![district, "student"]),
            (&MEMBERS_ROLE, args!["student"]),
            (&SCHOOL, args![1]),
            (&CLASS, args![1]),
            (&GROUP, args![district, "chess"]),
        ] {
            let probe = Probe::one(way, one);
            plans.push(self.planned(way.index, true, probe.nth(from, limit)).await?);
            plans.push(self.planned(way.index, true, probe.in_order(asked, (from, None), (limit, limit))).await?);
        }
        for (way, many) in [
            (&FAMILY, args![district, "a", "b"]),
            (&FAMILIES, args![ranges, district]),
            (&USERNAME, args![district, "a", "b"]),
        ] {
            let probe = Probe::many(way, many);
            plans.push(self.planned(way.index, false, probe.count(limit)).await?);
            plans.push(self.planned(way.index, false, probe.whole(asked, from, limit)).await?);
        }
        plans.extend(self.meeting_plans(district).await?);
        Ok(plans)
    }

    /// Lists side by side, where the database can: two, several of one field, names that are sorted, and rows besides.
    async fn meeting_plans(&self, district: DistrictId) -> LedgerResult<Vec<SearchPlan>> {
        if !self.db.merges() {
            return Ok(Vec::new());
        }
        let (from, limit) = (AccountId(Uuid::nil()), 9_u32);
        let years = [Probe::one(&YEAR, args![district, 2030])];
        let grades = ["05", "06"].map(|grade| Probe::one(&GRADE, args![district, grade]));
        let roles = [Probe::one(&ROLE, args![district, "student"]), Probe::one(&MEMBERS_ROLE, args!["student"])];
        let places = [Probe::one(&SCHOOL, args![1]), Probe::one(&CLASS, args![1])];
        let groups = [Probe::one(&GROUP, args![district, "chess"])];
        let names = [Probe::one(&FAMILY, args![district, "a", "b"]), Probe::one(&USERNAME, args![district, "a", "b"])];
        let none = Conditions::new(district);
        let mut rows = none.clone();
        rows.push(Field::Rank, WITHIN_RANK, args![10]);
        let mut plans = Vec::new();
        for (lists, conditions, indexes) in [
            (vec![(Field::Years, &years[..]), (Field::Groups, &groups)], &none, vec![&YEAR, &GROUP]),
            (vec![(Field::Grades, &grades[..]), (Field::Roles, &roles)], &none, vec![&GRADE, &ROLE, &MEMBERS_ROLE]),
            (vec![(Field::Own, &places[..]), (Field::Groups, &groups)], &rows, vec![&SCHOOL, &CLASS, &GROUP]),
            (vec![(Field::Years, &years[..]), (Field::Begins, &names)], &rows, vec![&YEAR, &FAMILY, &USERNAME]),
        ] {
            let sorted = indexes.contains(&&FAMILY);
            let statement = Meeting::for_plans(lists, conditions, from, limit);
            let plan = self.db.explain_side_by_side(statement).await?;
            plans.extend(indexes.iter().map(|way| SearchPlan {
                index: way.index,
                in_order: !sorted,
                plan: plan.clone(),
            }));
        }
        Ok(plans)
    }

    async fn planned(&self, index: &'static str, in_order: bool, statement: Composed) -> LedgerResult<SearchPlan> {
        let plan = self.db.explain_composed(statement).await?;
        Ok(SearchPlan { index, in_order, plan })
    }
}
