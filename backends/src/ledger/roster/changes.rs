//! People whose roles are rows of their own: what is said of a person and of their roles comes in two files, and either may
//! have changes only.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{Changed, PersonChange, RowFate};
use keybell_shared::standing::{KnownRoles, Resolved, RoleChange, Standing};

use super::calm::Names;
use super::known::{Known, known};
use super::lanes::Turn;
use super::people::{Put, Said, Written};
use super::told::{roles, written};
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

/// What is known before a batch, and what each change of it leaves for the next one.
struct Before<'k> {
    known: &'k HashMap<String, Known>,
    /// Of each person; `None` where every change says everything, and so needs nothing of what is known.
    roles: Option<HashMap<String, KnownRoles>>,
    ranks: &'k Ranks,
}

/// An account, what changes of it, and the schools of that.
type Write<'a> = (AccountId, &'a Step<'a>, Vec<(i64, &'a str)>);

/// What became of people, by their roster ids.
type Fates<'a> = HashMap<&'a str, RowFate>;

impl Step<'_> {
    fn name(&self) -> &str {
        &self.change.source_id
    }
}

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
        // Only where everybody is written does the index find out whom the ledger knows after all.
        let whole = |change: &&PersonChange| {
            let written = change.person.as_ref().is_some_and(|person| !person.role_assumed);
            written && matches!(change.roles, RoleChange::Whole { .. })
        };
        let known = if names == Names::Calm && self.numbers.expects_new(district) && changes.iter().all(whole) {
            HashMap::new()
        } else {
            let people: HashSet<&str> = changes.iter().map(|change| change.source_id.as_str()).collect();
            known(&mut tx, district, &people).await?
        };
        let partly = changes.iter().any(|change| matches!(change.roles, RoleChange::Some { .. }));
        let roles = if partly { Some(roles(&mut tx, &known, ranks).await?) } else { None };
        let mut before = Before { known: &known, roles, ranks };
        let steps: Vec<Result<Step<'_>, RowFate>> = changes.iter().map(|&change| before.step(change)).collect();
        let Some((mut fates, written)) = put_people(&mut tx, district, names, &steps, &known).await? else {
            return Ok(None);
        };
        fates.extend(put_roles(&mut tx, district, &steps, &known).await?);
        tx.commit().await?;
        self.met(district, &known, &written);
        Ok(Some(steps.iter().map(|step| answer(step, &fates, &known)).collect()))
    }

    pub(super) async fn not_kin_once(&self, district: DistrictId, names: &[String]) -> Sql<Vec<String>> {
        let mut tx = self.begin_roster(district, Turn::Own).await?;
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        let known = known(&mut tx, district, &names).await?;
        let roles = roles(&mut tx, &known, &Ranks::default()).await?;
        tx.commit().await?;
        Ok(roles.into_iter().filter(|(_, roles)| !roles.standing.kin).map(|(name, _)| name).collect())
    }
}

fn answer(step: &Result<Step<'_>, RowFate>, fates: &Fates<'_>, known: &HashMap<String, Known>) -> Changed {
    match step {
        Err(fate) => Changed { fate: *fate, kin: false, roleless: false },
        Ok(step) => {
            let before = known.get(step.name()).and_then(|known| known.told.as_ref());
            let fate = fates.get(step.name()).copied().unwrap_or(RowFate::Unchanged);
            // Nothing of the person changed, and something of the roles did.
            let of_roles = fate == RowFate::Unchanged && before.is_some() && before != step.rows.as_ref();
            let fate = if of_roles { RowFate::Updated } else { fate };
            Changed { fate, kin: step.standing.kin, roleless: step.roleless }
        }
    }
}

impl Before<'_> {
    /// What a change makes of a person, or the fate of one that makes nothing. Whatever a change says, the next one of the
    /// same person finds it.
    fn step<'a>(&mut self, change: &'a PersonChange) -> Result<Step<'a>, RowFate> {
        let account = self.known.get(&change.source_id);
        let known = self.roles.as_ref().and_then(|roles| roles.get(&change.source_id));
        let active =
            change.person.as_ref().map_or_else(|| account.is_none_or(|account| account.active), |person| person.active);
        if change.person.is_none() && account.is_none() {
            // What nobody has is gone already.
            return Err(if matches!(&change.roles, RoleChange::Some { put, .. } if put.is_empty()) {
                RowFate::Inactive
            } else {
                RowFate::Dangling
            });
        }
        let (standing, rows, roleless) = match (change.roles.resolve(known, self.ranks), known) {
            // Who has left keeps their places: it is the last that is known of them.
            (Resolved::Standing { rows, roleless: true, .. }, Some(known)) if !active => {
                (known.standing.clone(), rows, false)
            }
            (Resolved::Standing { standing, rows, roleless }, _) => (standing, rows, roleless),
            (Resolved::Unsaid, _) if !active => return Err(RowFate::Inactive),
            (Resolved::Unsaid, _) => return Err(RowFate::Unsaid),
            // Who leaves becomes inactive whatever else is not known.
            (Resolved::Partial, Some(known)) if change.person.is_some() && !active => {
                (known.standing.clone(), None, false)
            }
            (Resolved::Partial, _) => return Err(RowFate::Partial),
        };
        let to_write = rows.as_deref().map(written);
        if let Some(roles) = &mut self.roles {
            let rows = rows.map(Cow::into_owned);
            roles.insert(change.source_id.clone(), KnownRoles { standing: standing.clone(), rows });
        }
        Ok(Step { change, standing, rows: to_write, roleless })
    }
}

/// Puts those of whom more than the roles is said. Answers their fates and the accounts that were written; `None`, and
/// nothing is written, if they had to be calm and are not.
async fn put_people<'s>(
    tx: &mut Tx,
    district: DistrictId,
    names: Names,
    steps: &'s [Result<Step<'_>, RowFate>],
    known: &HashMap<String, Known>,
) -> Sql<Option<(Fates<'s>, Vec<Written<'s>>)>> {
    let told = |step: &'s Step<'_>| {
        step.change
            .person
            .as_ref()
            .map(|person| (step.name(), Said::who_is(person, &step.standing, step.rows.as_deref())))
    };
    let (who, rows): (Vec<&str>, Vec<Said<'s>>) = steps.iter().flatten().filter_map(told).unzip();
    if rows.is_empty() {
        return Ok(Some((HashMap::new(), Vec::new())));
    }
    let put = people::put(tx, district, names, known, &rows).await?;
    Ok(put.map(|Put { fates, written }| (who.into_iter().zip(fates).collect(), written)))
}

/// Puts the roles of those of whom nothing else is said; an import never mixes both kinds in one batch, so that accounts
/// are locked in the order of their ids. Answers their fates.
async fn put_roles<'s>(
    tx: &mut Tx,
    district: DistrictId,
    steps: &'s [Result<Step<'_>, RowFate>],
    known: &HashMap<String, Known>,
) -> Sql<Fates<'s>> {
    // A later change of the same person has all of the earlier one.
    let alone: HashMap<&'s str, &Step<'_>> =
        steps.iter().flatten().filter(|step| step.change.person.is_none()).map(|step| (step.name(), step)).collect();
    if alone.is_empty() {
        return Ok(HashMap::new());
    }
    let at: HashSet<&str> =
        alone.values().flat_map(|step| &step.standing.memberships).map(|place| place.school.as_str()).collect();
    let schools = schools(tx, district, &at).await?;
    let mut fates = HashMap::new();
    let mut writes = Vec::new();
    for (name, step) in &alone {
        let Some(known) = known.get(*name) else { continue };
        let standing = &step.standing;
        let places = memberships::resolve(&standing.memberships, &schools);
        let same =
            known.told == step.rows && (known.role.as_str(), known.rank) == (standing.role.as_str(), standing.rank);
        let fate = match () {
            () if same => RowFate::Unchanged,
            () if known.active && places.is_empty() && !standing.memberships.is_empty() => RowFate::Dangling,
            () => {
                writes.push((known.id, *step, places));
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
        .map(|(id, step, places)| {
            let Standing { role, rank, .. } = &step.standing;
            cells![*id, role, *rank, places.first().map(|(school, _)| *school), BY_ROLES, step.rows.as_deref()]
        })
        .collect();
    tx.run_rows(
        "UPDATE accounts SET role = r.role, rank = r.rank, school_id = r.school, fingerprint = r.fingerprint, told = r.told
         FROM {table $1: id uuid, role text, rank integer, school bigint, fingerprint text, told text} AS r
         WHERE accounts.id = r.id",
        &rows,
        |rows| args![rows],
    )
    .await?;
    let places: Vec<_> = writes.iter().map(|(id, _, places)| (*id, places.as_slice())).collect();
    memberships::replace(tx, &places, &ids).await
}
