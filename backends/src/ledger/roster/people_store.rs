//! Writing people: what changed is updated, who is new is inserted, each by one statement.

use std::collections::HashSet;

use keybell_shared::fold::fold;
use keybell_shared::ids::{AccountId, DistrictId};

use super::known::Known;
use super::people::Reading;
use super::{each, groups, memberships, relatives};
use crate::ledger::sql::{Cell, Sql, Tx, args, cells};

/// A row that has to be written.
pub(super) struct Write<'r, 'a> {
    pub(super) id: AccountId,
    pub(super) reading: &'r Reading<'a>,
    pub(super) known: Option<&'r Known>,
    /// The username as the roster says it, and as it is compared. An account that an upload renamed keeps its own.
    pub(super) username: &'r str,
    pub(super) key: &'r str,
}

/// Writes people and their memberships.
pub(super) async fn store(tx: &mut Tx, district: DistrictId, writes: &[Write<'_, '_>]) -> Sql<()> {
    let (old, new): (Vec<&Write<'_, '_>>, Vec<&Write<'_, '_>>) = writes.iter().partition(|write| write.known.is_some());
    let mut known: Vec<AccountId> = old.iter().map(|write| write.id).collect();
    if !old.is_empty() {
        // In the order of ids, whatever the pieces: so that two who lock never wait for each other.
        known.sort_unstable();
        let lock = "SELECT id FROM accounts WHERE id {among $1 uuid} ORDER BY id {lock}";
        tx.all_rows(lock, &each(&known), |ids| args![ids]).await?;
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
                 school_id = r.school, managed_by = r.managed_by, active = r.active, fingerprint = r.fingerprint,
                 told = r.told
             FROM {table $1: id uuid, source_id text, username text, username_key text, given_name text, family_name text,
                 family_key text, role text, rank integer, grade text, graduation_year integer, email text,
                 sms text, school bigint, managed_by text, active boolean, fingerprint text, told text} AS r
             WHERE accounts.id = r.id",
            &columns(&old, &family_keys(&old)),
            |rows| args![rows],
        )
        .await?;
    }
    if !new.is_empty() {
        tx.run_rows(
            "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, family_key,
                 role, rank, grade, graduation_year, email, sms, school_id, managed_by, active, fingerprint, told)
             SELECT r.id, $2, r.source_id, r.username, r.username_key, r.given_name, r.family_name, r.family_key, r.role,
                 r.rank, r.grade, r.graduation_year, r.email, r.sms, r.school, r.managed_by, r.active, r.fingerprint, r.told
             FROM {list $1: id uuid, source_id text, username text, username_key text, given_name text,
                 family_name text, family_key text, role text, rank integer, grade text, graduation_year integer,
                 email text, sms text, school bigint, managed_by text, active boolean, fingerprint text,
                 told text} AS r",
            &columns(&new, &family_keys(&new)),
            |rows| args![rows, district],
        )
        .await?;
    }
    let places: Vec<_> = writes.iter().map(|write| (write.id, write.reading.memberships.as_slice())).collect();
    memberships::replace(tx, &places, &known).await?;
    let groups: Vec<_> = writes.iter().map(|write| (write.id, write.reading.said.row.groups.as_slice())).collect();
    groups::replace(tx, district, &groups, &known).await?;
    let told: Vec<_> =
        writes.iter().filter_map(|write| Some((write.id, write.reading.said.row.relatives.as_deref()?))).collect();
    relatives::replace(tx, &told, &known).await
}

/// Names that are passed on within the batch are given up first: the unique index looks at one row at a time, and would
/// refuse a swap.
async fn vacate(tx: &mut Tx, old: &[&Write<'_, '_>], all: &[Write<'_, '_>]) -> Sql<()> {
    let wanted: HashSet<&str> = all.iter().map(|write| write.key).collect();
    let leaving: Vec<AccountId> = old
        .iter()
        .filter(|write| write.known.is_some_and(|known| known.key != write.key && wanted.contains(known.key.as_str())))
        .map(|write| write.id)
        .collect();
    if !leaving.is_empty() {
        tx.run_rows(
            "UPDATE accounts SET username_key = 'passed on by ' || CAST(id AS TEXT)
             WHERE id {among $1 uuid} AND NOT renamed",
            &each(&leaving),
            |ids| args![ids],
        )
        .await?;
    }
    Ok(())
}

/// The folded family name of each: what is written besides what was read.
fn family_keys(writes: &[&Write<'_, '_>]) -> Vec<String> {
    writes.iter().map(|write| fold(&write.reading.said.row.family_name)).collect()
}

/// The columns of accounts that come from the roster, in the order of both statements.
fn columns<'r>(writes: &[&Write<'r, '_>], family_keys: &'r [String]) -> Vec<[Cell<'r>; 18]> {
    let row = |(write, family_key): (&&Write<'r, '_>, &'r String)| {
        let Reading { said, memberships, grade, fingerprint, .. } = write.reading;
        let person = said.row;
        let (role, rank) = Known::standing(write.known, *said);
        cells![
            write.id,
            &person.source_id,
            write.username,
            write.key,
            &person.given_name,
            &person.family_name,
            family_key,
            role,
            rank,
            grade,
            person.graduation_year,
            &person.email,
            &person.sms,
            memberships.first().map(|(school, _)| *school),
            &person.managed_by,
            person.active,
            fingerprint,
            said.told,
        ]
    };
    writes.iter().zip(family_keys).map(row).collect()
}
