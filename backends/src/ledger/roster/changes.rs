//! People whose roles are rows of their own: what is said of a person and of their roles comes in two files, and either may
//! have changes only.

use std::collections::{HashMap, HashSet};

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Changed, Person, PersonChange, RowFate};
use keybell_shared::standing::{KnownRoles, Resolved, RoleChange, Standing};

use super::calm::Names;
use super::lanes::Turn;
use super::people::Put;
use super::told::{Told, keep, known, told, written};
use super::{SqlLedger, begin_writing, each, memberships, people, schools};
use crate::ledger::sql::{Sql, Tx, args, cells};

/// What an account's fingerprint is when its roles changed on their own: nothing that a row of a person ever says, so that
/// the next one is compared anew.
const BY_ROLES: &str = "by its roles";

/// A change that can be made.
struct Step<'a> {
    change: &'a PersonChange,
    standing: Standing,
    /// The rows to keep, as they are written.
    rows: Option<String>,
    roleless: bool,
}

/// An account, what it is from now on, and the schools of that.
type Write<'a> = (AccountId, &'a Standing, Vec<(i64, &'a str)>);

/// What became of people, by their roster ids.
type Fates<'a> = HashMap<&'a str, RowFate>;

impl SqlLedger {
    /// One transaction of [`super::calm`].
    pub(super) async fn change_people_once(
        &self,
        (district, turn): (DistrictId, Turn),
        names: Names,
        ranks: &Ranks,
        changes: &[&PersonChange],
    ) -> Sql<Option<Vec<Changed>>> {
        let mut tx = self.begin_roster(district, turn).await?;
        let people: HashSet<&str> = changes.iter().map(|change| change.source_id.as_str()).collect();
        let told = told(&mut tx, district, &people).await?;
        // Who says everything needs nothing of what is known.
        let partly = changes.iter().any(|change| matches!(change.roles, RoleChange::Some { .. }));
        let mut roles = if partly { known(&mut tx, &told, ranks).await? } else { HashMap::new() };
        let steps: Vec<Result<Step<'_>, RowFate>> =
            changes.iter().map(|&change| step(change, &mut roles, &told, ranks)).collect();
        let Some((mut fates, ids)) = put_people(&mut tx, district, names, &steps).await? else { return Ok(None) };
        fates.extend(put_roles(&mut tx, district, &steps, &told).await?);
        let kept: HashMap<&str, String> =
            steps.iter().flatten().filter_map(|step| to_keep(step, &fates, &told)).collect();
        keep(&mut tx, district, &kept).await?;
        tx.commit().await?;
        self.numbers.keep(district, ids.iter().map(|(name, id)| (name.as_str(), *id)));
        let answers = steps
            .iter()
            .map(|step| match step {
                Err(fate) => Changed { fate: *fate, kin: false, roleless: false },
                Ok(Step { change, standing, rows, roleless }) => {
                    let name = change.source_id.as_str();
                    let before = told.get(name).and_then(|told| told.rows.as_ref());
                    let fate = fates.get(name).copied().unwrap_or(RowFate::Unchanged);
                    // Nothing of the person changed, and something of the roles did.
                    let of_roles = fate == RowFate::Unchanged && before.is_some() && before != rows.as_ref();
                    let fate = if of_roles { RowFate::Updated } else { fate };
                    Changed { fate, kin: standing.kin, roleless: *roleless }
                }
            })
            .collect();
        Ok(Some(answers))
    }

    pub(super) async fn not_kin_once(&self, district: DistrictId, names: &[String]) -> Sql<Vec<String>> {
        let mut tx = self.begin_roster(district, Turn::Own).await?;
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        let told = told(&mut tx, district, &names).await?;
        let known = known(&mut tx, &told, &Ranks::default()).await?;
        tx.commit().await?;
        Ok(known.into_iter().filter(|(_, known)| !known.standing.kin).map(|(name, _)| name).collect())
    }
}

/// What a change makes of a person, or the fate of one that makes nothing. Whatever a change says, the next one of the same
/// person finds it.
fn step<'a>(
    change: &'a PersonChange,
    roles: &mut HashMap<String, KnownRoles>,
    told: &HashMap<String, Told>,
    ranks: &Ranks,
) -> Result<Step<'a>, RowFate> {
    let known = roles.get(&change.source_id);
    let active = change
        .person
        .as_ref()
        .map_or_else(|| told.get(&change.source_id).is_none_or(|told| told.active), |person| person.active);
    if change.person.is_none() && !told.contains_key(&change.source_id) {
        // What nobody has is gone already.
        return Err(if matches!(&change.roles, RoleChange::Some { put, .. } if put.is_empty()) {
            RowFate::Inactive
        } else {
            RowFate::Dangling
        });
    }
    let (standing, rows, roleless) = match (change.roles.resolve(known, ranks), known) {
        // Who has left keeps their places: it is the last that is known of them.
        (Resolved::Standing { rows, roleless: true, .. }, Some(known)) if !active => {
            (known.standing.clone(), rows, false)
        }
        (Resolved::Standing { standing, rows, roleless }, _) => (standing, rows, roleless),
        (Resolved::Unsaid, _) if !active => return Err(RowFate::Inactive),
        (Resolved::Unsaid, _) => return Err(RowFate::Unsaid),
        // Who leaves becomes inactive whatever else is not known.
        (Resolved::Partial, Some(known)) if change.person.is_some() && !active => (known.standing.clone(), None, false),
        (Resolved::Partial, _) => return Err(RowFate::Partial),
    };
    roles.insert(change.source_id.clone(), KnownRoles { standing: standing.clone(), rows: rows.clone() });
    Ok(Step { change, standing, rows: rows.as_deref().map(written), roleless })
}

/// Puts those of whom more than the roles is said. Answers their fates and the accounts that were written; `None`, and
/// nothing is written, if they had to be calm and are not.
async fn put_people<'a>(
    tx: &mut Tx,
    district: DistrictId,
    names: Names,
    steps: &[Result<Step<'a>, RowFate>],
) -> Sql<Option<(Fates<'a>, Vec<(String, AccountId)>)>> {
    let told = |step: &Step<'a>| step.change.person.as_ref().map(|person| (step.change, step.standing.clone(), person));
    let (who, rows): (Vec<&str>, Vec<Person>) = steps
        .iter()
        .flatten()
        .filter_map(told)
        .map(|(change, standing, person)| (change.source_id.as_str(), standing.of_person(person)))
        .unzip();
    if rows.is_empty() {
        return Ok(Some((HashMap::new(), Vec::new())));
    }
    let put = people::put(tx, district, names, &rows.iter().collect::<Vec<_>>()).await?;
    Ok(put.map(|Put { fates, ids }| (who.into_iter().zip(fates).collect(), ids)))
}

/// Puts the roles of those of whom nothing else is said; an import never mixes both kinds in one batch, so that accounts
/// are locked in the order of their ids. Answers their fates.
async fn put_roles<'a>(
    tx: &mut Tx,
    district: DistrictId,
    steps: &[Result<Step<'a>, RowFate>],
    told: &HashMap<String, Told>,
) -> Sql<Fates<'a>> {
    // A later change of the same person has all of the earlier one.
    let alone: HashMap<&'a str, &Step<'a>> = steps
        .iter()
        .flatten()
        .filter(|step| step.change.person.is_none())
        .map(|step| (step.change.source_id.as_str(), step))
        .collect();
    if alone.is_empty() {
        return Ok(HashMap::new());
    }
    let at: HashSet<&str> =
        alone.values().flat_map(|step| &step.standing.memberships).map(|place| place.school.as_str()).collect();
    let schools = schools(tx, district, &at).await?;
    let mut fates = HashMap::new();
    let mut writes = Vec::new();
    for (name, step) in &alone {
        let Some(told) = told.get(*name) else { continue };
        let standing = &step.standing;
        let places = memberships::resolve(&standing.memberships, &schools);
        let same = told.rows == step.rows && (told.role.as_str(), told.rank) == (standing.role.as_str(), standing.rank);
        let fate = match () {
            () if same => RowFate::Unchanged,
            () if told.active && places.is_empty() && !standing.memberships.is_empty() => RowFate::Dangling,
            () => {
                writes.push((told.id, standing, places));
                RowFate::Updated
            }
        };
        fates.insert(*name, fate);
    }
    begin_writing(tx).await?;
    store(tx, writes).await?;
    Ok(fates)
}

/// Writes what people are.
async fn store(tx: &mut Tx, mut writes: Vec<Write<'_>>) -> Sql<()> {
    if writes.is_empty() {
        return Ok(());
    }
    writes.sort_unstable_by_key(|(id, ..)| *id);
    let ids: Vec<AccountId> = writes.iter().map(|(id, ..)| *id).collect();
    let lock = "SELECT id FROM accounts WHERE id {among $1 uuid} ORDER BY id {lock}";
    tx.all_rows(lock, &each(&ids), |ids| args![ids]).await?;
    let rows: Vec<_> = writes
        .iter()
        .map(|(id, standing, places)| {
            cells![*id, &standing.role, standing.rank, places.first().map(|(school, _)| *school), BY_ROLES]
        })
        .collect();
    tx.run_rows(
        "UPDATE accounts SET role = r.role, rank = r.rank, school_id = r.school, fingerprint = r.fingerprint
         FROM {table $1: id uuid, role text, rank integer, school bigint, fingerprint text} AS r
         WHERE accounts.id = r.id",
        &rows,
        |rows| args![rows],
    )
    .await?;
    let places: Vec<_> = writes.iter().map(|(id, _, places)| (*id, places.as_slice())).collect();
    memberships::replace(tx, &places, &ids).await
}

/// The rows to keep of somebody who is in, unless they are kept already.
fn to_keep<'a>(
    step: &Step<'a>,
    fates: &HashMap<&str, RowFate>,
    told: &HashMap<String, Told>,
) -> Option<(&'a str, String)> {
    let name = step.change.source_id.as_str();
    let same = told.get(name).is_some_and(|told| told.rows == step.rows);
    match fates.get(name)? {
        RowFate::Unchanged if same => None,
        RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive => {
            step.rows.clone().map(|rows| (name, rows))
        }
        RowFate::UsernameTaken
        | RowFate::Dangling
        | RowFate::Outranked
        | RowFate::Unsaid
        | RowFate::Partial
        | RowFate::Unjudged => None,
    }
}
