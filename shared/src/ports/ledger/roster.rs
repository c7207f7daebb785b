//! Bringing a roster into the ledger, batch by batch.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::LedgerResult;
use crate::ids::DistrictId;

/// A school, as a roster names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    /// The roster's id.
    pub source_id: String,
    /// Its name.
    pub name: String,
    /// Whether the roster says that it is gone.
    pub active: bool,
}

/// A class, as a roster names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The roster's id.
    pub source_id: String,
    /// The roster id of its school.
    pub school: String,
    /// Its title.
    pub title: String,
    /// Whether the roster says that it is gone.
    pub active: bool,
}

/// A person, as a roster names them. There is no password here: imported password columns are never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The roster's id.
    pub source_id: String,
    /// The sign-in name.
    pub username: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The most privileged role the person holds.
    pub role: String,
    /// The rank of that role, by what counts as unprivileged here ([`Ranks`](crate::eligibility::Ranks)).
    pub rank: i32,
    /// Whether the role was said by whoever imports, and not by the roster. Such a role makes nobody less privileged.
    #[serde(default)]
    pub role_assumed: bool,
    /// The grade, as the roster writes it.
    pub grade: Option<String>,
    /// The year in which the person leaves school, if the roster tells it.
    pub graduation_year: Option<i32>,
    /// Names of the groups that the person is in: organisational units, cohorts.
    pub groups: Vec<String>,
    /// A checked e-mail address.
    pub email: Option<String>,
    /// A checked phone number in E.164.
    pub sms: Option<String>,
    /// The outside identity provider that manages the account, if one does.
    pub managed_by: Option<String>,
    /// Whether the account is enabled and not to be deleted.
    pub active: bool,
    /// Roster id of the school, and the role held there; the first is the primary one.
    pub memberships: Vec<Membership>,
    /// Roster ids of the guardians, in order.
    pub guardians: Vec<String>,
}

/// A role held at a school.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The roster id of the school or other organisation.
    pub school: String,
    /// The role.
    pub role: String,
}

/// A person in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The roster id of the class.
    pub class: String,
    /// The roster id of the person.
    pub person: String,
    /// The role in the class.
    pub role: String,
    /// Whether the roster says that it is gone.
    pub active: bool,
}

/// What became of one row of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFate {
    /// It is new.
    Created,
    /// It changed something.
    Updated,
    /// It said what was known already.
    Unchanged,
    /// It made something inactive, or found it inactive.
    Inactive,
    /// Another person of the district has this username already (`E06`).
    UsernameTaken,
    /// It refers to something that the district does not have (`E03`).
    Dangling,
    /// Its assumed role is less privileged than the one that the person is known with (`E16`).
    Outranked,
}

/// What the roster import asks of the ledger. Answers come in the order of the rows.
#[async_trait]
pub trait RosterLedger: Send + Sync {
    /// Brings in schools.
    async fn put_schools(&self, district: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>>;

    /// Brings in classes.
    async fn put_classes(&self, district: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>>;

    /// Brings in people with their memberships. Guardians are linked by [`RosterLedger::link_guardians`] afterwards,
    /// when everybody is there. A person who became inactive is kept.
    async fn put_people(&self, district: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>>;

    /// Links pupils (first) to their guardians (second), by roster ids, replacing what those pupils had. Answers the
    /// guardians that nobody knows.
    async fn link_guardians(
        &self,
        district: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> LedgerResult<Vec<(String, String)>>;

    /// Brings in enrolments. A later row about somebody in a class replaces an earlier one, also of the same batch.
    async fn put_enrolments(&self, district: DistrictId, rows: &[Enrolment]) -> LedgerResult<Vec<RowFate>>;
}
