//! People: who is new, who changed, and who may have which username.

use std::collections::{HashMap, HashSet};

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Person, RowFate};
use keybell_shared::seal::hex;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::fate::fate;
use super::names::{Claim, refused};
use super::{SqlLedger, begin_writing, memberships, named, schools};
use crate::ledger::sql::{Sql, Tx, args, json as json_arg};

/// What the ledger knows of a person.
struct Known {
    id: AccountId,
    username: String,
    key: String,
    fingerprint: String,
}

/// A row that makes sense, with what it refers to.
struct Reading<'a> {
    person: &'a Person,
    key: String,
    memberships: Vec<(i64, &'a str)>,
    fingerprint: String,
}

/// A row that has to be written.
struct Write<'a> {
    id: AccountId,
    reading: &'a Reading<'a>,
    known: Option<&'a Known>,
    /// The username as it is written, and as it is compared.
    username: &'a str,
    key: &'a str,
}

impl SqlLedger {
    pub(super) async fn put_people_once(&self, district: DistrictId, rows: &[Person]) -> Sql<Vec<RowFate>> {
        let mut tx = self.begin_roster(district).await?;
        let at: HashSet<&str> =
            rows.iter().flat_map(|person| &person.memberships).map(|place| place.school.as_str()).collect();
        let schools = schools(&mut tx, district, &at).await?;
        let known = known(&mut tx, district, rows).await?;
        let readings: Vec<Option<Reading<'_>>> = rows.iter().map(|person| reading(person, &schools)).collect();
        let last = last_of_each(&readings);
        let claims = claims(&last, &known);
        let owners = owners(&mut tx, district, &claims).await?;
        let refused = refused(&claims, &owners);
        begin_writing(&mut tx).await?;
        store(&mut tx, district, &writes(&last, &known, &refused)).await?;
        tx.commit().await?;
        Ok(fates(&readings, &last, &known, &refused))
    }
}

/// `None` when every school that the row names is unknown. Who is gone is taken all the same: a person must become
/// inactive also when the school has left the roster before.
fn reading<'a>(person: &'a Person, schools: &HashMap<String, i64>) -> Option<Reading<'a>> {
    let memberships = memberships::resolve(person, schools);
    if person.active && memberships.is_empty() && !person.memberships.is_empty() {
        return None;
    }
    let fingerprint = fingerprint(person, &memberships);
    Some(Reading { person, key: person.username.to_lowercase(), memberships, fingerprint })
}

/// What the roster says of a person, short. The schools are those that the district has, so that a school that arrives
/// later makes a difference. Guardians are not in it: they are linked on their own.
fn fingerprint(person: &Person, memberships: &[(i64, &str)]) -> String {
    let said = json!([
        person.username,
        person.given_name,
        person.family_name,
        person.role,
        person.rank,
        person.grade,
        person.email,
        person.sms,
        person.managed_by,
        person.active,
        memberships,
    ]);
    hex(&Sha256::digest(said.to_string()))
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
            // Who says nothing new keeps the name that they have.
            let same = known.filter(|known| known.fingerprint == reading.fingerprint);
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

async fn known(tx: &mut Tx, district: DistrictId, rows: &[Person]) -> Sql<HashMap<String, Known>> {
    let names: HashSet<&str> = rows.iter().map(|person| person.source_id.as_str()).collect();
    let rows = tx
        .all(
            "SELECT a.source_id, a.id, a.username, a.username_key, a.fingerprint FROM {rows $2: name text} AS r
             JOIN accounts a ON a.district_id = $1 AND a.source_id = r.name",
            args![district, named(&names)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let known = Known {
                id: row.get("id")?,
                username: row.get("username")?,
                key: row.get("username_key")?,
                fingerprint: row.get("fingerprint")?,
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
        .all(
            "SELECT a.username_key, a.source_id FROM {rows $2: name text} AS r
             JOIN accounts a ON a.district_id = $1 AND a.username_key = r.name",
            args![district, named(&wanted)],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("username_key")?, row.get("source_id")?))).collect()
}

async fn store(tx: &mut Tx, district: DistrictId, writes: &[Write<'_>]) -> Sql<()> {
    let (old, new): (Vec<&Write<'_>>, Vec<&Write<'_>>) = writes.iter().partition(|write| write.known.is_some());
    if !old.is_empty() {
        let ids: Vec<AccountId> = old.iter().map(|write| write.id).collect();
        tx.all("SELECT id FROM accounts WHERE id {in $1 uuid} ORDER BY id {lock}", args![json_arg(&ids)]).await?;
        vacate(tx, &old, writes).await?;
        tx.run(
            "UPDATE accounts SET username = r.username, username_key = r.username_key, given_name = r.given_name,
                 family_name = r.family_name, role = r.role, rank = r.rank, grade = r.grade, email = r.email,
                 sms = r.sms, school_id = r.school, managed_by = r.managed_by, active = r.active,
                 fingerprint = r.fingerprint
             FROM {rows $1: id uuid, username text, username_key text, given_name text, family_name text, role text,
                 rank integer, grade text, email text, sms text, school bigint, managed_by text, active boolean,
                 fingerprint text} AS r
             WHERE accounts.id = r.id",
            args![json_arg(&columns(&old))],
        )
        .await?;
    }
    if !new.is_empty() {
        tx.run(
            "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, role,
                 rank, grade, email, sms, school_id, managed_by, active, fingerprint)
             SELECT r.id, $2, r.source_id, r.username, r.username_key, r.given_name, r.family_name, r.role, r.rank,
                 r.grade, r.email, r.sms, r.school, r.managed_by, r.active, r.fingerprint
             FROM {rows $1: id uuid, source_id text, username text, username_key text, given_name text,
                 family_name text, role text, rank integer, grade text, email text, sms text, school bigint,
                 managed_by text, active boolean, fingerprint text} AS r",
            args![json_arg(&columns(&new)), district],
        )
        .await?;
    }
    let places: Vec<_> = writes.iter().map(|write| (write.id, write.reading.memberships.as_slice())).collect();
    memberships::replace(tx, &places).await
}

/// Names that are passed on within the batch are given up first: the unique index looks at one row at a time, and would
/// refuse a swap.
async fn vacate(tx: &mut Tx, old: &[&Write<'_>], all: &[Write<'_>]) -> Sql<()> {
    let wanted: HashSet<&str> = all.iter().map(|write| write.key).collect();
    let leaving: Vec<AccountId> = old
        .iter()
        .filter(|write| write.known.is_some_and(|known| known.key != write.key && wanted.contains(known.key.as_str())))
        .map(|write| write.id)
        .collect();
    if !leaving.is_empty() {
        tx.run(
            "UPDATE accounts SET username_key = 'passed on by ' || CAST(id AS TEXT) WHERE id {in $1 uuid}",
            args![json_arg(&leaving)],
        )
        .await?;
    }
    Ok(())
}

fn columns(writes: &[&Write<'_>]) -> Vec<Json> {
    writes
        .iter()
        .map(|write| {
            let person = write.reading.person;
            json!({
                "id": write.id, "source_id": person.source_id, "username": write.username, "username_key": write.key,
                "given_name": person.given_name, "family_name": person.family_name, "role": person.role,
                "rank": person.rank, "grade": person.grade, "email": person.email, "sms": person.sms,
                "school": write.reading.memberships.first().map(|(school, _)| school),
                "managed_by": person.managed_by, "active": person.active, "fingerprint": write.reading.fingerprint,
            })
        })
        .collect()
}
