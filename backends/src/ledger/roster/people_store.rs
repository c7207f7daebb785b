//! Writing people: what changed is updated, who is new is inserted, each by one statement.

use std::collections::HashSet;

use keybell_shared::ids::{AccountId, DistrictId};
use serde::Serialize;

use super::memberships;
use super::people::{Known, Reading};
use crate::ledger::sql::{Sql, Tx, args, json as json_arg};

/// A row that has to be written.
pub(super) struct Write<'a> {
    pub(super) id: AccountId,
    pub(super) reading: &'a Reading<'a>,
    pub(super) known: Option<&'a Known>,
    /// The username as it is written, and as it is compared.
    pub(super) username: &'a str,
    pub(super) key: &'a str,
}

/// Writes people and their memberships.
pub(super) async fn store(tx: &mut Tx, district: DistrictId, writes: &[Write<'_>]) -> Sql<()> {
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

/// The columns of an account that come from the roster.
#[derive(Serialize)]
struct Columns<'a> {
    id: AccountId,
    source_id: &'a str,
    username: &'a str,
    username_key: &'a str,
    given_name: &'a str,
    family_name: &'a str,
    role: &'a str,
    rank: i32,
    grade: Option<&'a str>,
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
            Columns {
                id: write.id,
                source_id: &person.source_id,
                username: write.username,
                username_key: write.key,
                given_name: &person.given_name,
                family_name: &person.family_name,
                role: &person.role,
                rank: person.rank,
                grade: person.grade.as_deref(),
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
