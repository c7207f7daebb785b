//! Names as they are compared, for accounts that an older build wrote: family names had no such form, and usernames were
//! compared as they were encoded.
//!
//! SQL cannot fold names as [`fold`] does, so this is the part of a migration that is written in Rust. It is found by an
//! index over the rows that are left, so that doing it again costs nothing. What an older process writes while both run
//! side by side is found by the next migration, or by the next import, which renews every row of an older build.

use keybell_shared::fold::{fold, username_key};
use keybell_shared::ids::AccountId;
use serde_json::{Value as Json, json};

use super::SqlLedger;
use super::sql::{Row, Sql, Tx, args, json as json_arg};

/// How many accounts are locked at a time: few, because resets may be running.
const BATCH: u32 = 1_000;

impl SqlLedger {
    /// Fills in the keys of all accounts that have no family key.
    pub(super) async fn fill_name_keys(&self) -> Sql<()> {
        while self.db.retrying(|| self.fill_some()).await? > 0 {}
        Ok(())
    }

    /// Fills in some of them, and answers how many.
    async fn fill_some(&self) -> Sql<usize> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .all(
                "SELECT id, family_name, username, username_key FROM accounts
                 WHERE family_key IS NULL ORDER BY id LIMIT $1 {lock}",
                args![BATCH],
            )
            .await?;
        for row in &rows {
            renew_username(&mut tx, row).await?;
        }
        let keys: Vec<Json> = rows
            .iter()
            .map(|row| {
                let (id, name): (AccountId, String) = (row.get("id")?, row.get("family_name")?);
                Ok(json!({"id": id, "key": fold(&name)}))
            })
            .collect::<Sql<_>>()?;
        tx.run(
            "UPDATE accounts SET family_key = r.key FROM {rows $1: id uuid, key text} AS r WHERE accounts.id = r.id",
            args![json_arg(&keys)],
        )
        .await?;
        tx.commit().await?;
        Ok(keys.len())
    }
}

/// Almost no username changes. One whose new key somebody else has keeps the old one: both go on as they did, and the next
/// import says that the username is taken.
async fn renew_username(tx: &mut Tx, row: &Row) -> Sql<()> {
    let (username, old): (String, String) = (row.get("username")?, row.get("username_key")?);
    let key = username_key(&username);
    if key == old {
        return Ok(());
    }
    tx.run(
        "UPDATE accounts SET username_key = $2 WHERE id = $1 AND NOT EXISTS (
             SELECT 1 FROM accounts o WHERE o.district_id = accounts.district_id AND o.username_key = $2)",
        args![row.get::<AccountId>("id")?, key],
    )
    .await?;
    Ok(())
}
