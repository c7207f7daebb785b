//! People: who is new, who changed, and who may have which username.

use std::collections::{HashMap, HashSet};

use keybell_shared::fold::username_key;
use keybell_shared::grade;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Membership, Person, RowFate};
use keybell_shared::seal::hex;
use keybell_shared::standing::Standing;
use sha2::{Digest, Sha256};

use super::calm::Names;
use super::fate::fate;
use super::known::{Known, known};
use super::lanes::Turn;
use super::names::{Claim, refused};
use super::people_store::{Write, store};
use super::{SqlLedger, begin_writing, memberships, named, schools};
use crate::ledger::sql::{Sql, Tx, args};

/// A row about a person, with what they are: the row itself may leave that to the rows of their roles.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) row: &'a Person,
    pub(super) role: &'a str,
    pub(super) rank: i32,
    places: &'a [Membership],
    /// The rows of their roles, as they are kept; `None` if they came with the row itself.
    pub(super) told: Option<&'a str>,
}

impl<'a> Said<'a> {
    /// By the row alone.
    pub(super) fn of(row: &'a Person) -> Self {
        Self { row, role: &row.role, rank: row.rank, places: &row.memberships, told: None }
    }

    /// Of a person who is this, by these rows of roles.
    pub(super) fn who_is(row: &'a Person, standing: &'a Standing, told: Option<&'a str>) -> Self {
        Self { row, role: &standing.role, rank: standing.rank, places: &standing.memberships, told }
    }

    fn name(&self) -> &'a str {
        &self.row.source_id
    }
}

/// A row that makes sense, with what it refers to.
pub(super) struct Reading<'a> {
    pub(super) said: Said<'a>,
    pub(super) key: String,
    pub(super) memberships: Vec<(i64, &'a str)>,
    /// In its normal form.
    pub(super) grade: Option<String>,
    pub(super) fingerprint: String,
}

/// What became of people who were put.
pub(super) struct Put<'a> {
    /// Of each row.
    pub(super) fates: Vec<RowFate>,
    /// The accounts that were written.
    pub(super) written: Vec<Written<'a>>,
}

/// An account that was written.
pub(super) struct Written<'a> {
    /// The roster id.
    pub(super) name: &'a str,
    pub(super) id: AccountId,
    pub(super) is_new: bool,
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
        let decided = rows.iter().all(|person| !person.role_assumed);
        let known = if decided && names == Names::Calm && self.numbers.expects_new(district) {
            HashMap::new()
        } else {
            let people: HashSet<&str> = rows.iter().map(|person| person.source_id.as_str()).collect();
            known(&mut tx, district, &people).await?
        };
        let rows: Vec<Said<'_>> = rows.iter().copied().map(Said::of).collect();
        let Some(Put { fates, written }) = put(&mut tx, district, names, &known, &rows).await? else { return Ok(None) };
        tx.commit().await?;
        self.met(district, &known, &written);
        Ok(Some(fates))
    }

    /// Remembers accounts that were written, and are in the ledger for good, and whether any of them was known before.
    pub(super) fn met(&self, district: DistrictId, known: &HashMap<String, Known>, written: &[Written<'_>]) {
        self.numbers.expect_new(district, known.is_empty() && !written.is_empty());
        self.numbers.keep(district, written.iter().map(|written| (written.name, written.id)));
        self.numbers.made(written.iter().filter(|written| written.is_new).map(|written| written.id));
    }
}

/// Brings in people, within a transaction of the district's roster; `known` is what it knows of them. `None`, and nothing is
/// written, if they had to be calm and are not.
pub(super) async fn put<'a>(
    tx: &mut Tx,
    district: DistrictId,
    names: Names,
    known: &HashMap<String, Known>,
    rows: &[Said<'a>],
) -> Sql<Option<Put<'a>>> {
    let at: HashSet<&str> = rows.iter().flat_map(|said| said.places).map(|place| place.school.as_str()).collect();
    let schools = schools(tx, district, &at).await?;
    let outranked = outranked(rows, known);
    let read = |said| if is_in(&outranked, said) { None } else { reading(said, &schools) };
    let readings: Vec<Option<Reading<'a>>> = rows.iter().copied().map(read).collect();
    let last = last_of_each(&readings);
    let claims = claims(&last, known);
    let owners = match names {
        Names::Any => owners(tx, district, &claims).await?,
        // Whether the name of somebody new is free, the unique index says: the lane is undone if it is not.
        Names::Calm if claims.iter().all(Claim::is_calm) => HashMap::new(),
        Names::Calm => return Ok(None),
    };
    let refused = refused(&claims, &owners);
    let writes = writes(&last, known, &refused);
    if !writes.is_empty() {
        begin_writing(tx).await?;
        store(tx, district, &writes).await?;
    }
    let written = writes.iter().map(|write| Written {
        name: write.reading.said.name(),
        id: write.id,
        is_new: write.known.is_none(),
    });
    let written = written.collect();
    let fates = fates(&readings, &last, known, &refused).into_iter().zip(rows);
    let fates = fates.map(|(fate, said)| if is_in(&outranked, *said) { RowFate::Outranked } else { fate }).collect();
    Ok(Some(Put { fates, written }))
}

/// The people whom a role that somebody assumed would make less privileged than they are known to be, or guardians of others.
/// They are left as they are, also where another row of the batch says something else.
fn outranked<'a>(rows: &[Said<'a>], known: &HashMap<String, Known>) -> HashSet<&'a str> {
    let lower = |said: &&Said<'_>| known.get(said.name()).is_some_and(|known| known.outweighs(said.role, said.rank));
    let assumed = rows.iter().filter(|said| said.row.active && said.row.role_assumed);
    assumed.filter(lower).map(Said::name).collect()
}

fn is_in(some: &HashSet<&str>, said: Said<'_>) -> bool {
    some.contains(said.name())
}

/// `None` when every school that the row names is unknown. Who is gone is taken all the same: a person must become
/// inactive also when the school has left the roster before.
fn reading<'a>(said: Said<'a>, schools: &HashMap<String, i64>) -> Option<Reading<'a>> {
    let memberships = memberships::resolve(said.places, schools);
    if said.row.active && memberships.is_empty() && !said.places.is_empty() {
        return None;
    }
    let grade = said.row.grade.as_deref().map(grade::normal).filter(|grade| !grade.is_empty());
    let fingerprint = fingerprint(said, grade.as_deref(), &memberships);
    Some(Reading { said, key: username_key(&said.row.username), memberships, grade, fingerprint })
}

/// What the roster says of a person, short. The schools are those that the district has, so that a school that arrives
/// later makes a difference. Guardians are not in it: they are linked on their own.
fn fingerprint(said: Said<'_>, grade: Option<&str>, memberships: &[(i64, &str)]) -> String {
    let Said { row: person, role, rank, places: _, told: _ } = said;
    let said = (
        &person.username,
        &person.given_name,
        &person.family_name,
        role,
        rank,
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
fn last_of_each<'r, 'a>(readings: &'r [Option<Reading<'a>>]) -> Vec<&'r Reading<'a>> {
    let mut last: Vec<&Reading<'a>> = Vec::with_capacity(readings.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(readings.len());
    for reading in readings.iter().flatten() {
        let place = *places.entry(reading.said.name()).or_insert(last.len());
        match last.get_mut(place) {
            Some(earlier) => *earlier = reading,
            None => last.push(reading),
        }
    }
    last
}

fn claims<'r>(last: &[&'r Reading<'_>], known: &'r HashMap<String, Known>) -> Vec<Claim<'r>> {
    last.iter()
        .map(|reading| {
            let known = known.get(reading.said.name());
            // Who says nothing new keeps the name that they have, and so does whom an upload renamed.
            let same = known.filter(|known| known.renamed || known.fingerprint == reading.fingerprint);
            Claim {
                person: reading.said.name(),
                has: known.map(|known| known.key.as_str()),
                wants: same.map_or(&reading.key, |known| &known.key),
            }
        })
        .collect()
}

/// What has to be written: nothing for an unchanged row, nor for one whose username is refused. Who is gone and known is
/// written all the same, and keeps the name.
fn writes<'r, 'a>(
    last: &[&'r Reading<'a>],
    known: &'r HashMap<String, Known>,
    refused: &HashSet<&str>,
) -> Vec<Write<'r, 'a>> {
    let mut writes = Vec::with_capacity(last.len());
    for &reading in last {
        let person = reading.said.row;
        let known = known.get(reading.said.name());
        let refused = refused.contains(reading.said.name());
        let (username, key) = match known {
            Some(known) if known.says(reading) => continue,
            Some(known) if refused && !person.active => (&known.username, &known.key),
            // Only the rows of roles differ: the name is whichever was theirs, also one that the row could not have.
            Some(known) if !known.renamed && known.fingerprint == reading.fingerprint => (&known.username, &known.key),
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
    refused: &HashSet<&str>,
) -> Vec<RowFate> {
    let gone: HashSet<&str> =
        last.iter().filter(|reading| !reading.said.row.active).map(|reading| reading.said.name()).collect();
    let mut said: HashMap<&str, &str> = HashMap::with_capacity(last.len());
    readings
        .iter()
        .map(|reading| {
            let Some(reading) = reading else { return RowFate::Dangling };
            let name = reading.said.name();
            if refused.contains(name) {
                return if gone.contains(name) { RowFate::Inactive } else { RowFate::UsernameTaken };
            }
            let before = said.insert(name, &reading.fingerprint);
            let before = before.or_else(|| known.get(name).map(|known| known.fingerprint.as_str()));
            fate(before.as_ref(), &reading.fingerprint.as_str(), reading.said.row.active)
        })
        .collect()
}

/// Who has the names that are wanted now, by roster id. Names that their owners keep are not asked for.
async fn owners(tx: &mut Tx, district: DistrictId, claims: &[Claim<'_>]) -> Sql<HashMap<String, String>> {
    let wanted: HashSet<&str> =
        claims.iter().filter(|claim| claim.has != Some(claim.wants)).map(|claim| claim.wants).collect();
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
