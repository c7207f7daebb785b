//! People: who is new, who changed, and who may have which username.

use std::collections::{HashMap, HashSet};

use keybell_shared::fold::username_key;
use keybell_shared::grade;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Person, RowFate};
use keybell_shared::seal::hex;
use sha2::{Digest, Sha256};

use super::calm::Names;
use super::fate::fate;
use super::lanes::Turn;
use super::names::{Claim, refused};
use super::people_store::{Write, store};
use super::{SqlLedger, begin_writing, memberships, named, schools};
use crate::ledger::sql::{Sql, Tx, args};

/// What the ledger knows of a person.
pub(super) struct Known {
    pub(super) id: AccountId,
    pub(super) username: String,
    pub(super) key: String,
    pub(super) fingerprint: String,
    /// Whether an upload gave the username.
    renamed: bool,
    rank: i32,
    role: String,
}

impl Known {
    /// The role and rank that a row leaves the person. Who becomes inactive by a role that somebody assumed keeps the more
    /// privileged one that they are known with, so that no such list makes them less when they come back.
    pub(super) fn standing<'a>(known: Option<&'a Self>, person: &'a Person) -> (&'a str, i32) {
        match known {
            Some(known) if person.role_assumed && known.rank > person.rank => (&known.role, known.rank),
            Some(_) | None => (&person.role, person.rank),
        }
    }
}

/// A row that makes sense, with what it refers to.
pub(super) struct Reading<'a> {
    pub(super) person: &'a Person,
    pub(super) key: String,
    pub(super) memberships: Vec<(i64, &'a str)>,
    /// In its normal form.
    pub(super) grade: Option<String>,
    pub(super) fingerprint: String,
}

/// What became of people who were put.
pub(super) struct Put {
    /// Of each row.
    pub(super) fates: Vec<RowFate>,
    /// The accounts that were written, by roster id.
    pub(super) ids: Vec<(String, AccountId)>,
}

impl SqlLedger {
    /// One transaction of [`super::calm`].
    pub(super) async fn put_people_once(
        &self,
        (district, turn): (DistrictId, Turn),
        names: Names,
        rows: &[&Person],
    ) -> Sql<Option<Vec<RowFate>>> {
        let mut tx = self.begin_roster(district, turn).await?;
        let Some(Put { fates, ids }) = put(&mut tx, district, names, rows).await? else { return Ok(None) };
        tx.commit().await?;
        self.numbers.keep(district, ids.iter().map(|(name, id)| (name.as_str(), *id)));
        Ok(Some(fates))
    }
}

/// Brings in people, within a transaction of the district's roster. `None`, and nothing is written, if they had to be calm
/// and are not.
pub(super) async fn put(tx: &mut Tx, district: DistrictId, names: Names, rows: &[&Person]) -> Sql<Option<Put>> {
    let at: HashSet<&str> =
        rows.iter().flat_map(|person| &person.memberships).map(|place| place.school.as_str()).collect();
    let schools = schools(tx, district, &at).await?;
    let known = known(tx, district, rows).await?;
    let outranked = outranked(rows, &known);
    let read = |person| if is_in(&outranked, person) { None } else { reading(person, &schools) };
    let readings: Vec<Option<Reading<'_>>> = rows.iter().copied().map(read).collect();
    let last = last_of_each(&readings);
    let claims = claims(&last, &known);
    let owners = owners(tx, district, &claims).await?;
    if names == Names::Calm && !(owners.is_empty() && claims.iter().all(Claim::is_calm)) {
        return Ok(None);
    }
    let refused = refused(&claims, &owners);
    let writes = writes(&last, &known, &refused);
    if !writes.is_empty() {
        begin_writing(tx).await?;
        store(tx, district, &writes).await?;
    }
    let ids = writes.iter().map(|write| (write.reading.person.source_id.clone(), write.id)).collect();
    let fates = fates(&readings, &last, &known, &refused).into_iter().zip(rows);
    let fates = fates.map(|(fate, person)| if is_in(&outranked, person) { RowFate::Outranked } else { fate }).collect();
    Ok(Some(Put { fates, ids }))
}

/// The people whom a role that somebody assumed would make less privileged than they are known to be. They are left as
/// they are, also where another row of the batch says something else.
fn outranked<'a>(rows: &[&'a Person], known: &HashMap<String, Known>) -> HashSet<&'a str> {
    let lower = |person: &&&Person| known.get(&person.source_id).is_some_and(|known| known.rank > person.rank);
    let assumed = rows.iter().filter(|person| person.active && person.role_assumed);
    assumed.filter(lower).map(|person| person.source_id.as_str()).collect()
}

fn is_in(some: &HashSet<&str>, person: &Person) -> bool {
    some.contains(person.source_id.as_str())
}

/// `None` when every school that the row names is unknown. Who is gone is taken all the same: a person must become
/// inactive also when the school has left the roster before.
fn reading<'a>(person: &'a Person, schools: &HashMap<String, i64>) -> Option<Reading<'a>> {
    let memberships = memberships::resolve(&person.memberships, schools);
    if person.active && memberships.is_empty() && !person.memberships.is_empty() {
        return None;
    }
    let grade = person.grade.as_deref().map(grade::normal).filter(|grade| !grade.is_empty());
    let fingerprint = fingerprint(person, grade.as_deref(), &memberships);
    Some(Reading { person, key: username_key(&person.username), memberships, grade, fingerprint })
}

/// What the roster says of a person, short. The schools are those that the district has, so that a school that arrives
/// later makes a difference. Guardians are not in it: they are linked on their own.
fn fingerprint(person: &Person, grade: Option<&str>, memberships: &[(i64, &str)]) -> String {
    let said = (
        &person.username,
        &person.given_name,
        &person.family_name,
        &person.role,
        person.rank,
        grade,
        person.graduation_year,
        &person.groups,
        &person.email,
        &person.sms,
        &person.managed_by,
        person.active,
        memberships,
    );
    // Text and numbers always serialise.
    let mut said = serde_json::to_vec(&said).unwrap_or_default();
    if let Some(relatives) = &person.relatives {
        // Apart, so that whoever has none is still known by what an older build kept.
        said.extend(serde_json::to_vec(relatives).unwrap_or_default());
    }
    hex(&Sha256::digest(said))
}

/// The last row about each person, in the order in which they were first named. A later row replaces an earlier one.
fn last_of_each<'a>(readings: &'a [Option<Reading<'a>>]) -> Vec<&'a Reading<'a>> {
    let mut last: Vec<&Reading<'_>> = Vec::with_capacity(readings.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(readings.len());
    for reading in readings.iter().flatten() {
        let place = *places.entry(&reading.person.source_id).or_insert(last.len());
        match last.get_mut(place) {
            Some(earlier) => *earlier = reading,
            None => last.push(reading),
        }
    }
    last
}

fn claims(last: &[&Reading<'_>], known: &HashMap<String, Known>) -> Vec<Claim> {
    last.iter()
        .map(|reading| {
            let known = known.get(&reading.person.source_id);
            // Who says nothing new keeps the name that they have, and so does whom an upload renamed.
            let same = known.filter(|known| known.renamed || known.fingerprint == reading.fingerprint);
            Claim {
                person: reading.person.source_id.clone(),
                has: known.map(|known| known.key.clone()),
                wants: same.map_or_else(|| reading.key.clone(), |known| known.key.clone()),
            }
        })
        .collect()
}

/// What has to be written: nothing for an unchanged row, nor for one whose username is refused. Who is gone and known is
/// written all the same, and keeps the name.
fn writes<'a>(
    last: &[&'a Reading<'a>],
    known: &'a HashMap<String, Known>,
    refused: &HashSet<String>,
) -> Vec<Write<'a>> {
    let mut writes = Vec::new();
    for &reading in last {
        let person = reading.person;
        let known = known.get(&person.source_id);
        let refused = refused.contains(&person.source_id);
        let (username, key) = match known {
            Some(known) if known.fingerprint == reading.fingerprint => continue,
            Some(known) if refused && !person.active => (&known.username, &known.key),
            _ if refused => continue,
            _ => (&person.username, &reading.key),
        };
        let id = known.map_or_else(AccountId::fresh, |known| known.id);
        writes.push(Write { id, reading, known, username, key });
    }
    writes
}

fn fates(
    readings: &[Option<Reading<'_>>],
    last: &[&Reading<'_>],
    known: &HashMap<String, Known>,
    refused: &HashSet<String>,
) -> Vec<RowFate> {
    let gone: HashSet<&str> =
        last.iter().filter(|reading| !reading.person.active).map(|reading| reading.person.source_id.as_str()).collect();
    let mut said: HashMap<&str, &str> =
        known.iter().map(|(person, known)| (person.as_str(), known.fingerprint.as_str())).collect();
    readings
        .iter()
        .map(|reading| {
            let Some(reading) = reading else { return RowFate::Dangling };
            let name = reading.person.source_id.as_str();
            if refused.contains(name) {
                return if gone.contains(name) { RowFate::Inactive } else { RowFate::UsernameTaken };
            }
            let before = said.insert(name, &reading.fingerprint);
            fate(before.as_ref(), &reading.fingerprint.as_str(), reading.person.active)
        })
        .collect()
}

async fn known(tx: &mut Tx, district: DistrictId, rows: &[&Person]) -> Sql<HashMap<String, Known>> {
    let names: HashSet<&str> = rows.iter().map(|person| person.source_id.as_str()).collect();
    let rows = tx
        .all_rows(
            "SELECT a.source_id, a.id, a.username, a.username_key, a.fingerprint, a.renamed, a.rank, a.role
             FROM {table $2: name text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)",
            &named(&names),
            |rows| args![district, rows],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let known = Known {
                id: row.get("id")?,
                username: row.get("username")?,
                key: row.get("username_key")?,
                fingerprint: row.get("fingerprint")?,
                renamed: row.get("renamed")?,
                rank: row.get("rank")?,
                role: row.get("role")?,
            };
            Ok((row.get("source_id")?, known))
        })
        .collect()
}

/// Who has the names that are wanted now, by roster id. Names that their owners keep are not asked for.
async fn owners(tx: &mut Tx, district: DistrictId, claims: &[Claim]) -> Sql<HashMap<String, String>> {
    let wanted: HashSet<&str> = claims
        .iter()
        .filter(|claim| claim.has.as_ref() != Some(&claim.wants))
        .map(|claim| claim.wants.as_str())
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .all_rows(
            "SELECT a.username_key, a.source_id FROM {table $2: name text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.username_key = r.name)",
            &named(&wanted),
            |rows| args![district, rows],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("username_key")?, row.get("source_id")?))).collect()
}
