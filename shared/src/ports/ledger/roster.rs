//! Bringing a roster into the ledger, batch by batch.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::LedgerResult;
use crate::eligibility::Ranks;
use crate::ids::DistrictId;
use crate::notice::Contact;
use crate::standing::RoleChange;

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
    /// The grade, as the roster writes it; the ledger keeps its normal form ([`crate::grade::normal`]).
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
    /// Where relatives without an account can be told, in order; `None` if the roster says nothing of such, and then what is
    /// known stays.
    #[serde(default)]
    pub relatives: Option<Vec<Contact>>,
}

/// A person whose roles are rows of their own, by what is said of either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonChange {
    /// The roster's id.
    pub source_id: String,
    /// The person; `None` if only roles changed. Role, rank and memberships follow from the roles and are not looked at.
    pub person: Option<Person>,
    /// The roles.
    pub roles: RoleChange,
}

/// What became of such a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The fate of the row, which is that of the rows of the roles.
    pub fate: RowFate,
    /// Whether the person is somebody's guardian by any of their roles.
    pub kin: bool,
    /// Whether the last role is gone: the person keeps what they were, at no school.
    pub roleless: bool,
}

/// An organisation of a roster that is no school: the district itself, or one that becomes a school when something refers
/// to it. Kept so that a roster of changes, which does not repeat them, can refer to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// What a school of it would be.
    pub place: School,
    /// Whether it is the district.
    pub is_district: bool,
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
    /// It changes somebody whom the district does not know, and no row says what they are (`E14`).
    Unsaid,
    /// It changes single roles of somebody whose other roles the district does not know (`E14`).
    Partial,
    /// It refers to something that only the district can know, and none was asked (`W10`): no ledger of a district answers this,
    /// only a look at a roster of changes.
    Unjudged,
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

    /// Brings in people whose roles are rows of their own, or the changes of those. Decided under the district's lock:
    /// what one change leaves, the next one finds.
    async fn change_people(
        &self,
        district: DistrictId,
        ranks: &Ranks,
        rows: &[PersonChange],
    ) -> LedgerResult<Vec<Changed>>;

    /// Those of these people, by roster id, that the district knows and that are nobody's guardians by any of their roles.
    async fn not_kin(&self, district: DistrictId, people: &[String]) -> LedgerResult<Vec<String>>;

    /// Keeps organisations that are no schools, besides those that are kept already.
    async fn put_organisations(&self, district: DistrictId, rows: &[Organisation]) -> LedgerResult<()>;

    /// The organisations that are kept.
    async fn organisations(&self, district: DistrictId) -> LedgerResult<Vec<Organisation>>;

    /// The roster ids of all schools, also of those that are gone; `None` if there is no district to ask, because a roster is
    /// only looked at.
    async fn schools(&self, district: DistrictId) -> LedgerResult<Option<Vec<String>>>;

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
