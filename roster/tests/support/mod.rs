//! A ledger in memory that keeps to the contract of `RosterLedger`.

mod port;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keybell_roster::{Options, Report, RosterError, import};
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};
use keybell_shared::standing::{KnownRoles, Resolved, RoleRow, Standing, is_kin};
use port::{Plain, Port};

/// What the ledger holds, by roster id.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) schools: BTreeMap<String, School>,
    pub(crate) classes: BTreeMap<String, Class>,
    pub(crate) people: BTreeMap<String, Person>,
    usernames: BTreeMap<String, String>,
    /// The rows of roles of those who have some.
    told: BTreeMap<String, Vec<RoleRow>>,
    others: BTreeMap<String, Organisation>,
    pub(crate) guardians: BTreeMap<String, Vec<String>>,
    pub(crate) enrolments: BTreeMap<(String, String), Enrolment>,
}

/// The ledger.
pub(crate) type Fake = Port<Mutex<Holdings>>;

fn put<K: Ord, V: Clone + PartialEq>(rows: &mut BTreeMap<K, V>, key: K, row: &V, active: bool) -> RowFate {
    let before = rows.insert(key, row.clone());
    match before {
        _ if !active => RowFate::Inactive,
        None => RowFate::Created,
        Some(before) if before == *row => RowFate::Unchanged,
        Some(_) => RowFate::Updated,
    }
}

#[expect(clippy::unwrap_used, reason = "a poisoned lock means that a test has failed already")]
impl Plain for Mutex<Holdings> {
    fn schools(&self, rows: &[School]) -> Vec<RowFate> {
        let schools = &mut self.lock().unwrap().schools;
        rows.iter().map(|row| put(schools, row.source_id.clone(), row, row.active)).collect()
    }

    fn classes(&self, rows: &[Class]) -> Vec<RowFate> {
        let Holdings { schools, classes, .. } = &mut *self.lock().unwrap();
        let fate = |row: &Class| {
            let known = schools.contains_key(&row.school);
            if known { put(classes, row.source_id.clone(), row, row.active) } else { RowFate::Dangling }
        };
        rows.iter().map(fate).collect()
    }

    fn people(&self, rows: &[Person]) -> Vec<RowFate> {
        assert!(rows.len() <= 2000, "a batch of {}", rows.len());
        let Holdings { schools, people, usernames, told, .. } = &mut *self.lock().unwrap();
        let fate = |row: &Person| {
            let owner = usernames.get(&row.username.to_lowercase());
            if owner.is_some_and(|owner| *owner != row.source_id) {
                return RowFate::UsernameTaken;
            }
            let memberships: Vec<_> =
                row.memberships.iter().filter(|place| schools.contains_key(&place.school)).cloned().collect();
            if row.active && memberships.is_empty() && !row.memberships.is_empty() {
                return RowFate::Dangling;
            }
            let more = people.get(&row.source_id).filter(|known| row.role_assumed && outweighs(known, row));
            if row.active && more.is_some() {
                return RowFate::Outranked;
            }
            usernames.insert(row.username.to_lowercase(), row.source_id.clone());
            // Who said the role is nothing that a ledger keeps, and an assumed one makes nobody less.
            let (role, rank) = more.map_or((&row.role, row.rank), |known| (&known.role, known.rank));
            let kept = Person { role_assumed: false, role: role.clone(), rank, memberships, ..row.clone() };
            let fate = put(people, row.source_id.clone(), &kept, row.active);
            if fate != RowFate::Unchanged {
                told.remove(&row.source_id);
            }
            fate
        };
        rows.iter().map(fate).collect()
    }

    fn changes(&self, ranks: &Ranks, rows: &[PersonChange]) -> Vec<Changed> {
        rows.iter().map(|row| self.change(ranks, row)).collect()
    }

    fn not_kin(&self, people: &[String]) -> Vec<String> {
        let held = self.lock().unwrap();
        people.iter().filter(|id| held.known(id).is_some_and(|known| !known.standing.kin)).cloned().collect()
    }

    fn put_organisations(&self, rows: &[Organisation]) {
        self.lock().unwrap().others.extend(rows.iter().map(|row| (row.place.source_id.clone(), row.clone())));
    }

    fn organisations(&self) -> Vec<Organisation> {
        let held = self.lock().unwrap();
        held.others.iter().filter(|(id, _)| !held.schools.contains_key(*id)).map(|(_, row)| row.clone()).collect()
    }

    fn school_ids(&self) -> Vec<String> {
        self.lock().unwrap().schools.keys().cloned().collect()
    }

    fn guardians(&self, links: &[(String, Vec<String>)]) -> Vec<(String, String)> {
        let Holdings { people, guardians, .. } = &mut *self.lock().unwrap();
        let mut unknown = Vec::new();
        for (ward, ids) in links {
            assert!(people.contains_key(ward), "{ward} is linked and did not go in");
            let (known, others): (Vec<String>, Vec<String>) =
                ids.iter().cloned().partition(|id| people.contains_key(id));
            guardians.insert(ward.clone(), known);
            unknown.extend(others.into_iter().map(|id| (ward.clone(), id)));
        }
        unknown
    }

    fn enrolments(&self, rows: &[Enrolment]) -> Vec<RowFate> {
        let Holdings { classes, people, enrolments, .. } = &mut *self.lock().unwrap();
        let fate = |row: &Enrolment| {
            let key = (row.class.clone(), row.person.clone());
            let known = classes.contains_key(&row.class) && people.contains_key(&row.person);
            if known { put(enrolments, key, row, row.active) } else { RowFate::Dangling }
        };
        rows.iter().map(fate).collect()
    }
}

impl Holdings {
    /// What is known of a person's roles.
    fn known(&self, id: &str) -> Option<KnownRoles> {
        let person = self.people.get(id)?;
        let Person { role, rank, memberships, .. } = person.clone();
        let rows = self.told.get(id).cloned();
        let held = rows.iter().flatten().map(|row| row.role.as_str());
        let kin = held.chain(memberships.iter().map(|place| place.role.as_str())).chain([role.as_str()]).any(is_kin);
        Some(KnownRoles { standing: Standing { role, rank, memberships, kin }, rows })
    }
}

/// One change of a person, as the ledger makes it.
trait Change {
    fn change(&self, ranks: &Ranks, row: &PersonChange) -> Changed;
}

#[expect(clippy::unwrap_used, reason = "a poisoned lock means that a test has failed already")]
impl Change for Mutex<Holdings> {
    fn change(&self, ranks: &Ranks, row: &PersonChange) -> Changed {
        let id = row.source_id.as_str();
        let known = self.lock().unwrap().known(id);
        let as_it_is = |fate| Changed { fate, kin: false, roleless: false };
        let before = self.lock().unwrap().people.get(id).cloned();
        let Some(person) = row.person.clone().or_else(|| before.clone()) else {
            let only_gone =
                matches!(&row.roles, keybell_shared::standing::RoleChange::Some { put, .. } if put.is_empty());
            return as_it_is(if only_gone { RowFate::Inactive } else { RowFate::Dangling });
        };
        let (standing, rows, roleless) = match row.roles.resolve(known.as_ref(), ranks) {
            Resolved::Standing { rows, roleless: true, .. } if !person.active => (known.unwrap().standing, rows, false),
            Resolved::Standing { standing, rows, roleless } => (standing, rows, roleless),
            Resolved::Unsaid => return as_it_is(if person.active { RowFate::Unsaid } else { RowFate::Inactive }),
            Resolved::Partial if !person.active && row.person.is_some() => (known.unwrap().standing, None, false),
            Resolved::Partial => return as_it_is(RowFate::Partial),
        };
        let rows = rows.map(Cow::into_owned);
        let kin = standing.kin;
        let told = self.lock().unwrap().told.get(id).cloned();
        let fate = self.people(&[standing.of_person(&person)]).first().copied().unwrap();
        // Of a person who is away, and of whom no row says anything, only the roles have a fate.
        let alone = fate == RowFate::Inactive && row.person.is_none();
        let fate = if alone && told == rows {
            RowFate::Unchanged
        } else if alone || (fate == RowFate::Unchanged && told.is_some() && told != rows) {
            RowFate::Updated
        } else {
            fate
        };
        let is_in = matches!(fate, RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive);
        if let Some(rows) = rows.filter(|_| is_in) {
            self.lock().unwrap().told.insert(id.to_owned(), rows);
        }
        Changed { fate, kin, roleless }
    }
}

/// Imports into a ledger and checks what always holds: every row has one fate, and every rejection and warning is told.
pub(crate) async fn import_into(ledger: &Arc<Fake>, path: &std::path::Path) -> Result<Report, RosterError> {
    import_with(ledger, path, Options::default()).await
}

/// The same, with answers to what the file leaves open.
pub(crate) async fn import_with(
    ledger: &Arc<Fake>,
    path: &std::path::Path,
    options: Options,
) -> Result<Report, RosterError> {
    let ledger: Arc<dyn RosterLedger> = Arc::clone(ledger) as _;
    let report = import(path, options, DistrictId::fresh(), ledger, |_| {}).await?;
    assert!(report.total.add_up(), "{}", report.table());
    for file in &report.files {
        assert!(file.counts.add_up(), "{file:?}\n{}", report.table());
        let told = |effect| report.problems.iter().filter(|it| it.file == file.file && it.effect == effect).count();
        assert_eq!(told(keybell_roster::Effect::Row) as u64, file.counts.rejected, "{}", report.table());
        assert_eq!(told(keybell_roster::Effect::Warning) as u64, file.counts.warnings, "{}", report.table());
    }
    Ok(report)
}

/// Whether somebody is known as something that an assumed role does not replace.
fn outweighs(known: &Person, row: &Person) -> bool {
    let is_pupil_to_guardian = is_kin(&row.role) && !is_kin(&known.role);
    known.rank > row.rank || (known.rank == row.rank && is_pupil_to_guardian)
}
