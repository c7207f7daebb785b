//! What an upload says of each account: kept sealed with its task, read by a worker, and gone with the account's item.
//!
//! A username is decided as it stands at the commit: taken is what another account has then, also when that one gives it up
//! in the same group. Which items share a group is chance, and chance must not say whether two people can swap.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, DistrictId, TaskId};
use keybell_shared::ports::ledger::{ResetJob, Uploaded};
use keybell_shared::request::{PasswordSource, ResetRequest};
use keybell_shared::seal::{Sealed, hex, unhex};
use serde_json::{Value as Json, json};

use super::SqlLedger;
use super::decided::{Decided, Renamed};
use super::sql::{Cell, Failure, Row, Sql, Tx, args, cells, json as json_arg};

/// Stores what the upload of a new task says.
pub(super) async fn store_uploaded(tx: &mut Tx, task: TaskId, uploaded: &[Uploaded]) -> Sql<()> {
    let sealed: Vec<String> = uploaded.iter().map(|one| hex(&one.sealed.bytes)).collect();
    let rows: Vec<_> = uploaded
        .iter()
        .zip(&sealed)
        .map(|(one, sealed)| cells![one.account, &one.sealed.key_id, sealed, Cell::Text(one.username.as_deref())])
        .collect();
    tx.run_rows(
        "INSERT INTO uploaded_passwords (task_id, account_id, key_id, sealed, username)
         SELECT $1, r.account, r.key_id, r.sealed, r.username
         FROM {table $2: account uuid, key_id text, sealed text, username text} AS r",
        &rows,
        |rows| args![task, rows],
    )
    .await
    .map(drop)
}

impl SqlLedger {
    /// Gives the jobs of uploads their sealed passwords. Other jobs cost nothing.
    pub(super) async fn add_uploaded(&self, jobs: &mut [ResetJob]) -> Sql<()> {
        let mut asked: BTreeMap<TaskId, BTreeSet<AccountId>> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.decision == Decision::Reset && is_uploaded(&job.request)) {
            asked.entry(job.task).or_default().insert(job.account);
        }
        let mut found: HashMap<(TaskId, AccountId), Sealed> = HashMap::new();
        for (task, accounts) in asked {
            let rows = self
                .db
                .read(
                    "SELECT account_id, key_id, sealed FROM uploaded_passwords
                     WHERE task_id = $1 AND account_id {in $2 uuid}",
                    args![task, json_arg(&accounts)],
                )
                .await?;
            for row in &rows {
                found.insert((task, row.get("account_id")?), sealed(row)?);
            }
        }
        if !found.is_empty() {
            for job in jobs {
                job.uploaded = found.remove(&(job.task, job.account));
            }
        }
        Ok(())
    }
}

fn is_uploaded(request: &ResetRequest) -> bool {
    matches!(request.password, PasswordSource::Uploaded)
}

fn sealed(row: &Row) -> Sql<Sealed> {
    let bytes = unhex(&row.get::<String>("sealed")?);
    let bytes = bytes.ok_or_else(|| Failure::row("an uploaded password is not hexadecimal"))?;
    Ok(Sealed { key_id: row.get("key_id")?, bytes })
}

/// Takes what the uploads say of the items that this group settles: nobody needs it any more. Whoever gets a new username
/// is noted as such; whose username another account has fails instead. Groups without uploads run no statement.
pub(super) async fn take_uploaded(tx: &mut Tx, group: &mut [Decided<'_>]) -> Sql<()> {
    let mut settled: BTreeMap<TaskId, BTreeSet<AccountId>> = BTreeMap::new();
    for decided in group.iter().filter(|decided| is_uploaded(&decided.request) && decided.end().is_some()) {
        settled.entry(decided.task).or_default().insert(decided.write.account);
    }
    if settled.is_empty() {
        return Ok(());
    }
    let mut said: HashMap<(TaskId, AccountId), Option<String>> = HashMap::new();
    for (task, accounts) in settled {
        for row in forget(tx, task, &accounts).await? {
            said.insert((task, row.get("account_id")?), row.get("username")?);
        }
    }
    let reset = |decided: &Decided<'_>| is_uploaded(&decided.request) && decided.is_reset();
    let mut wanted: Vec<Json> = Vec::new();
    let mut renamed: Vec<AccountId> = Vec::new();
    for decided in group.iter().filter(|decided| reset(decided)) {
        if let Some(Some(username)) = said.get(&(decided.task, decided.write.account)) {
            wanted.push(json!({"district": decided.district, "key": username_key(username)}));
            renamed.push(decided.write.account);
        }
    }
    let owners = owners(tx, &wanted).await?;
    let mut names = names(tx, &renamed).await?;
    let mut promised = HashSet::new();
    for decided in group.iter_mut().filter(|decided| reset(decided)) {
        let account = decided.write.account;
        let Some(said) = said.remove(&(decided.task, account)) else {
            // It is gone although the item is open: the next look says so, and ends it.
            decided.decision = Decision::Hold;
            continue;
        };
        let Some(username) = said else { continue };
        let key = (decided.district, username_key(&username));
        let owner = owners.get(&key);
        if owner.is_some_and(|owner| *owner != account) || !promised.insert(key) {
            decided.decision = Decision::Fail(Code::E06);
        } else if let Some(from) = names.remove(&account).filter(|from| *from != username) {
            decided.username = Some(Renamed { from, to: username });
        }
    }
    Ok(())
}

/// Who has these usernames now, by district and key.
async fn owners(tx: &mut Tx, wanted: &[Json]) -> Sql<HashMap<(DistrictId, String), AccountId>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .all(
            "SELECT a.district_id, a.username_key, a.id FROM {rows $1: district uuid, key text} AS r
             JOIN accounts a ON a.id = (
                 SELECT x.id FROM accounts x WHERE x.district_id = r.district AND x.username_key = r.key)",
            args![json_arg(wanted)],
        )
        .await?;
    rows.iter().map(|row| Ok(((row.get("district_id")?, row.get("username_key")?), row.get("id")?))).collect()
}

/// What these accounts are called now; they are locked.
async fn names(tx: &mut Tx, accounts: &[AccountId]) -> Sql<HashMap<AccountId, String>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx.all("SELECT id, username FROM accounts WHERE id {in $1 uuid}", args![json_arg(accounts)]).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("username")?))).collect()
}

/// Gives the accounts their new usernames. Somebody who took one since the look at its owner makes this a duplicate, and
/// the group is decided once more.
pub(super) async fn store_usernames(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let mut rows: Vec<Json> = Vec::new();
    for decided in group.iter().filter(|decided| decided.is_reset()) {
        if let Some(Renamed { to: username, .. }) = &decided.username {
            let key = username_key(username);
            rows.push(json!({"account": decided.write.account, "username": username, "key": key}));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE accounts SET username = r.username, username_key = r.key, renamed = TRUE
         FROM {rows $1: account uuid, username text, key text} AS r WHERE accounts.id = r.account",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}

/// Forgets what a task's upload says of these accounts, and answers it but for the passwords.
pub(super) async fn forget(tx: &mut Tx, task: TaskId, accounts: &BTreeSet<AccountId>) -> Sql<Vec<Row>> {
    tx.all(
        "DELETE FROM uploaded_passwords WHERE task_id = $1 AND account_id {in $2 uuid} RETURNING account_id, username",
        args![task, json_arg(accounts)],
    )
    .await
}

/// Forgets what an upload says of accounts that the expansion has left out already.
pub(super) async fn forget_left_out(tx: &mut Tx, task: TaskId, request: &ResetRequest) -> Sql<()> {
    if is_uploaded(request) {
        tx.run(
            "DELETE FROM uploaded_passwords WHERE task_id = $1 AND NOT EXISTS (
                 SELECT 1 FROM items i WHERE i.task_id = $1 AND i.account_id = uploaded_passwords.account_id
                     AND i.state = 'pending')",
            args![task],
        )
        .await?;
    }
    Ok(())
}

/// Forgets whatever is left of a task's upload.
pub(super) async fn forget_all(tx: &mut Tx, task: TaskId) -> Sql<()> {
    tx.run("DELETE FROM uploaded_passwords WHERE task_id = $1", args![task]).await?;
    Ok(())
}
