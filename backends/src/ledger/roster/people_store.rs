//! Writing people: what changed is updated, who is new is inserted, each by one statement.

use std::collections::HashSet;

use keybell_shared::fold::fold;
use keybell_shared::ids::{AccountId, DistrictId};
use serde::Serialize;

use super::people::{Known, Reading};
use super::{groups, memberships};
use crate::ledger::sql::{Sql, Tx, args};

/// A row that has to be written.
pub(super) struct Write<'a> {
    pub(super) id: AccountId,
    pub(super) reading: &'a Reading<'a>,
    pub(super) known: Option<&'a Known>,
    /// The username as the roster says it, and as it is compared. An account that an upload renamed keeps its own.
    pub(super) username: &'a str,
    pub(super) key: &'a str,
}

/// Writes people and their memberships.
pub(super) async fn store(tx: &mut Tx, district: DistrictId, writes: &[Write<'_>]) -> Sql<()> {
    let (old, new): (Vec<&Write<'_>>, Vec<&Write<'_>>) = writes.iter().partition(|write| write.known.is_some());
    let mut known: Vec<AccountId> = old.iter().map(|write| write.id).collect();
    if !old.is_empty() {
        // In the order of ids, whatever the pieces: so that two who lock never wait for each other.
        known.sort_unstable();
        let lock = "SELECT id FROM accounts WHERE id {in $1 uuid} ORDER BY id {lock}";
        tx.all_rows(lock, &known, |ids| args![ids]).await?;
        vacate(tx, &old, writes).await?;
        tx.run_rows(
            // Decided here, under the locks: an upload may have renamed somebody since they were looked up.
            "UPDATE accounts SET
                 username = CASE WHEN accounts.renamed AND accounts.username_key <> r.username_key
                     THEN accounts.username ELSE r.username END,
                 username_key = CASE WHEN accounts.renamed THEN accounts.username_key ELSE r.username_key END,
                 renamed = (accounts.renamed AND accounts.username_key <> r.username_key),
                 given_name = r.given_name, family_name = r.family_name, family_key = r.family_key, role = r.role,
                 rank = r.rank, grade = r.grade, graduation_year = r.graduation_year, email = r.email, sms = r.sms,
                 school_id = r.school, managed_by = r.managed_by, active = r.active, fingerprint = r.fingerprint
             FROM {rows $1: id uuid, username text, username_key text, given_name text, family_name text,
                 family_key text, role text, rank integer, grade text, graduation_year integer, email text,
                 sms text, school bigint, managed_by text, active boolean, fingerprint text} AS r
             WHERE accounts.id = r.id",
            &columns(&old),
            |rows| args![rows],
        )
        .await?;
    }
    if !new.is_empty() {
        tx.run_rows(
            "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, family_key,
                 role, rank, grade, graduation_year, email, sms, school_id, managed_by, active, fingerprint)
             SELECT r.id, $2, r.source_id, r.username, r.username_key, r.given_name, r.family_name, r.family_key, r.role,
                 r.rank, r.grade, r.graduation_year, r.email, r.sms, r.school, r.managed_by, r.active, r.fingerprint
             FROM {rows $1: id uuid, source_id text, username text, username_key text, given_name text,
                 family_name text, family_key text, role text, rank integer, grade text, graduation_year integer,
                 email text, sms text, school bigint, managed_by text, active boolean, fingerprint text} AS r",
            &columns(&new),
            |rows| args![rows, district],
        )
        .await?;
    }
    let places: Vec<_> = writes.iter().map(|write| (write.id, write.reading.memberships.as_slice())).collect();
    memberships::replace(tx, &places, &known).await?;
    let groups: Vec<_> = writes.iter().map(|write| (write.id, write.reading.person.groups.as_slice())).collect();
    groups::replace(tx, district, &groups, &known).await
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
        tx.run_rows(
            "UPDATE accounts SET username_key = 'passed on by ' || CAST(id AS TEXT)
             WHERE id {in $1 uuid} AND NOT renamed",
            &leaving,
            |ids| args![ids],
        )
        .await?;
    }
    Ok(())
}

/// The columns of an account that come from the roster.
#[derive(Serialize)]
struct Columns<'a> {
    id: AccountId,
    source_id: &'a str,
    username: &'a str,
    username_key: &'a str,
    given_name: &'a str,
    family_name: &'a str,
    family_key: String,
    role: &'a str,
    rank: i32,
    grade: Option<&'a str>,
    graduation_year: Option<i32>,
    email: Option<&'a str>,
    sms: Option<&'a str>,
    school: Option<i64>,
    managed_by: Option<&'a str>,
    active: bool,
    fingerprint: &'a str,
}

fn columns<'a>(writes: &[&Write<'a>]) -> Vec<Columns<'a>> {
    writes
        .iter()
        .map(|write| {
            let Reading { person, memberships, fingerprint, .. } = write.reading;
            let (role, rank) = Known::standing(write.known, person);
            Columns {
                id: write.id,
                source_id: &person.source_id,
                username: write.username,
                username_key: write.key,
                given_name: &person.given_name,
                family_name: &person.family_name,
                family_key: fold(&person.family_name),
                role,
                rank,
                grade: person.grade.as_deref(),
                graduation_year: person.graduation_year,
                email: person.email.as_deref(),
                sms: person.sms.as_deref(),
                school: memberships.first().map(|(school, _)| *school),
                managed_by: person.managed_by.as_deref(),
                active: person.active,
                fingerprint,
            }
        })
        .collect()
}
