//! The port's asynchronous methods over plain ones, for ledgers in memory.

use async_trait::async_trait;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, LedgerResult, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};
use keybell_shared::standing::Resolved;

/// What a ledger in memory does.
pub(crate) trait Plain: Send + Sync {
    fn schools(&self, rows: &[School]) -> Vec<RowFate>;
    fn classes(&self, rows: &[Class]) -> Vec<RowFate>;
    fn people(&self, rows: &[Person]) -> Vec<RowFate>;
    fn guardians(&self, links: &[(String, Vec<String>)]) -> Vec<(String, String)>;
    fn enrolments(&self, rows: &[Enrolment]) -> Vec<RowFate>;

    /// Of a ledger that keeps nobody: everybody is new.
    fn changes(&self, ranks: &Ranks, rows: &[PersonChange]) -> Vec<Changed> {
        let changed = |row: &PersonChange| {
            let Resolved::Standing { standing, .. } = row.roles.resolve(None, ranks) else {
                return Changed { fate: RowFate::Unsaid, kin: false, roleless: false };
            };
            let person = row.person.as_ref().map(|person| standing.clone().of_person(person));
            let fate = person.and_then(|person| self.people(&[person]).first().copied()).unwrap_or(RowFate::Dangling);
            Changed { fate, kin: standing.kin, roleless: false }
        };
        rows.iter().map(changed).collect()
    }

    fn not_kin(&self, _: &[String]) -> Vec<String> {
        Vec::new()
    }

    fn put_organisations(&self, _: &[Organisation]) {}

    fn organisations(&self) -> Vec<Organisation> {
        Vec::new()
    }

    fn school_ids(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A plain ledger as a port.
#[derive(Debug, Default)]
pub(crate) struct Port<T>(pub(crate) T);

#[async_trait]
impl<T: Plain> RosterLedger for Port<T> {
    async fn put_schools(&self, _: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.0.schools(rows))
    }

    async fn put_classes(&self, _: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.0.classes(rows))
    }

    async fn put_people(&self, _: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.0.people(rows))
    }

    async fn change_people(&self, _: DistrictId, ranks: &Ranks, rows: &[PersonChange]) -> LedgerResult<Vec<Changed>> {
        Ok(self.0.changes(ranks, rows))
    }

    async fn not_kin(&self, _: DistrictId, people: &[String]) -> LedgerResult<Vec<String>> {
        Ok(self.0.not_kin(people))
    }

    async fn put_organisations(&self, _: DistrictId, rows: &[Organisation]) -> LedgerResult<()> {
        self.0.put_organisations(rows);
        Ok(())
    }

    async fn organisations(&self, _: DistrictId) -> LedgerResult<Vec<Organisation>> {
        Ok(self.0.organisations())
    }

    async fn schools(&self, _: DistrictId) -> LedgerResult<Option<Vec<String>>> {
        Ok(Some(self.0.school_ids()))
    }

    async fn link_guardians(
        &self,
        _: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> LedgerResult<Vec<(String, String)>> {
        Ok(self.0.guardians(links))
    }

    async fn put_enrolments(&self, _: DistrictId, rows: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        Ok(self.0.enrolments(rows))
    }
}
