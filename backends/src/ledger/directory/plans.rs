//! The plans of the directory's statements, for the test that keeps each on its index.

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::LedgerResult;
use uuid::Uuid;

use super::SqlLedger;
use super::candidates::{
    OF_CLASS, OF_DISTRICT, OF_FAMILY, OF_GRADE, OF_GROUP, OF_MEMBERS_ROLE, OF_ROLE, OF_SCHOOL, OF_USERNAME, OF_YEAR,
};
use crate::ledger::sql::args;

impl SqlLedger {
    /// The index that each source of candidates must be read from, and its plan.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn search_plans(&self, district: DistrictId) -> LedgerResult<Vec<(&'static str, String)>> {
        let after = AccountId(Uuid::nil());
        let statements = [
            ("accounts_by_district", OF_DISTRICT, args![district, after, 9_u32]),
            ("accounts_by_grade", OF_GRADE, args![district, after, 9_u32, "05"]),
            ("accounts_by_year", OF_YEAR, args![district, after, 9_u32, 2030]),
            ("accounts_by_role", OF_ROLE, args![district, after, 9_u32, "student"]),
            ("memberships_by_role", OF_MEMBERS_ROLE, args![district, after, 9_u32, "student"]),
            ("memberships_by_school", OF_SCHOOL, args![district, after, 9_u32, 1]),
            ("enrolments", OF_CLASS, args![district, after, 9_u32, 1]),
            ("account_groups", OF_GROUP, args![district, after, 9_u32, "chess"]),
            ("accounts_by_family", OF_FAMILY, args![district, 9_u32, "a", "b"]),
            ("accounts_by_username", OF_USERNAME, args![district, 9_u32, "a", "b"]),
        ];
        let mut plans = Vec::with_capacity(statements.len());
        for (index, statement, arguments) in statements {
            plans.push((index, self.db.explain(statement, arguments).await?));
        }
        Ok(plans)
    }
}
