//! Districts with people.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::eligibility::rank;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{
    Class, District, Enrolment, IntakeLedger, KeyLedger, Membership, Person, RosterLedger, School,
};
use uuid::Uuid;

/// A district with a school `s1` (North School), a class `c1` (1a) and people.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The district.
    pub district: District,
    /// The pupils `p1`, `p2`, …, with the e-mail addresses `p1@example.org`, …; all at `s1` and in `c1`, grade `05`.
    pub pupils: Vec<AccountId>,
    /// The guardians `g1`, `g2`, …, one for every third pupil: `g1` of `p3`, `g2` of `p6`. E-mail and SMS.
    pub guardians: Vec<AccountId>,
    /// The teacher `t1` of `c1`.
    pub teacher: AccountId,
}

impl Fixture {
    /// The district's administrator, without a person behind.
    #[must_use]
    pub fn admin(&self) -> Actor {
        as_district_admin(self.district.id)
    }
}

/// A district administrator called `console`.
#[must_use]
pub fn as_district_admin(district: DistrictId) -> Actor {
    Actor { district, role: Role::DistrictAdmin, name: "console".to_owned(), key: None, person: None }
}

/// The e-mail address of a fixture's person.
#[must_use]
pub fn address(source_id: &str) -> String {
    format!("{source_id}@example.org")
}

/// A pupil at `s1`: source id and username `p<n>`.
#[must_use]
pub fn pupil(n: usize) -> Person {
    person(&format!("p{n}"), "student")
}

/// A guardian with an e-mail address and a phone: source id and username `g<n>`.
#[must_use]
pub fn guardian(n: usize) -> Person {
    Person { sms: Some(format!("+1555{n:07}")), grade: None, ..person(&format!("g{n}"), "guardian") }
}

fn person(source_id: &str, role: &str) -> Person {
    Person {
        source_id: source_id.to_owned(),
        username: source_id.to_owned(),
        given_name: format!("Given-{source_id}"),
        family_name: format!("Family-{source_id}"),
        role: role.to_owned(),
        rank: rank(role),
        grade: (role == "student").then(|| "05".to_owned()),
        role_assumed: false,
        graduation_year: None,
        groups: Vec::new(),
        email: Some(address(source_id)),
        sms: None,
        managed_by: None,
        active: true,
        memberships: vec![Membership { school: "s1".to_owned(), role: role.to_owned() }],
        guardians: Vec::new(),
        relatives: None,
    }
}

/// Makes a district with this many pupils, a guardian for every third, and a teacher. The slug is new each time.
///
/// # Panics
/// When the ledger refuses.
pub async fn district_with<L>(ledger: &L, pupils: usize) -> Fixture
where
    L: KeyLedger + RosterLedger + IntakeLedger,
{
    let slug = format!("district-{}", Uuid::new_v4().simple());
    let district = ledger.ensure_district(&slug, "Riverside District").await.expect("a district");
    let id = district.id;
    let school = School { source_id: "s1".to_owned(), name: "North School".to_owned(), active: true };
    ledger.put_schools(id, &[school]).await.expect("a school");
    let class = Class { source_id: "c1".to_owned(), school: "s1".to_owned(), title: "1a".to_owned(), active: true };
    ledger.put_classes(id, &[class]).await.expect("a class");
    let mut people: Vec<Person> = (1..=pupils).map(pupil).collect();
    people.extend((1..=pupils / 3).map(guardian));
    people.push(person("t1", "teacher"));
    for page in people.chunks(500) {
        ledger.put_people(id, page).await.expect("people");
        let enrolments: Vec<Enrolment> = page.iter().filter(|person| person.role != "guardian").map(enrolled).collect();
        ledger.put_enrolments(id, &enrolments).await.expect("enrolments");
    }
    let links: Vec<(String, Vec<String>)> =
        (1..=pupils / 3).map(|n| (format!("p{}", 3 * n), vec![format!("g{n}")])).collect();
    ledger.link_guardians(id, &links).await.expect("guardians");
    Fixture {
        pupils: accounts(ledger, id, (1..=pupils).map(|n| format!("p{n}"))).await,
        guardians: accounts(ledger, id, (1..=pupils / 3).map(|n| format!("g{n}"))).await,
        teacher: accounts(ledger, id, ["t1".to_owned()].into_iter()).await.remove(0),
        district,
    }
}

fn enrolled(person: &Person) -> Enrolment {
    Enrolment { class: "c1".to_owned(), person: person.source_id.clone(), role: person.role.clone(), active: true }
}

/// The accounts of these usernames. Ids ascend in the order in which people came, so sorting restores it.
async fn accounts<L: IntakeLedger>(
    ledger: &L,
    district: DistrictId,
    names: impl Iterator<Item = String>,
) -> Vec<AccountId> {
    let names: Vec<String> = names.collect();
    let mut resolved = ledger.resolve_accounts(district, &names).await.expect("the fixture's accounts");
    assert!(resolved.unknown.is_empty(), "unknown accounts: {:?}", resolved.unknown);
    resolved.found.sort_unstable();
    resolved.found
}
