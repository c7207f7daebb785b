//! Uploads: whom the rows of a file mean, and who has the usernames that they want.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::notice::Ways;
use keybell_shared::ports::ledger::{LedgerResult, Meant, MeantAccount, UploadLedger};
use keybell_shared::request::{Confirm, Scope, Selection, Where};
use serde_json::json;

use super::SqlLedger;
use super::resets::forbidden;
use super::selection::{exclusion, filter_args, way_args};
use super::sql::{Row, Sql, args, json as json_arg};

/// Rows that are looked up at once.
const PAGE: usize = 2_000;

#[async_trait]
impl UploadLedger for SqlLedger {
    async fn meant(
        &self,
        actor: &Actor,
        rows: &[Meant],
        must_reach: Option<Ways>,
    ) -> LedgerResult<Vec<Option<MeantAccount>>> {
        let mut found = Vec::with_capacity(rows.len());
        for page in rows.chunks(PAGE) {
            found.append(&mut self.meant_once(actor, page, must_reach).await?);
        }
        Ok(found)
    }

    async fn name_owners(&self, district: DistrictId, names: &[String]) -> LedgerResult<Vec<(String, AccountId)>> {
        let mut owners = Vec::new();
        for page in names.chunks(PAGE) {
            let wanted: Vec<_> = page.iter().map(|name| json!({"name": name, "key": username_key(name)})).collect();
            let rows = self
                .db
                .read(
                    "SELECT r.key, a.id FROM {rows $2: name text, key text} AS r
                     JOIN accounts a ON a.id = (
                         SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.username_key = r.key)
                     UNION
                     SELECT r.key, a.id FROM {rows $2: name text, key text} AS r
                     JOIN accounts a ON a.id = (
                         SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.source_id = r.name)",
                    args![district, json_arg(&wanted)],
                )
                .await?;
            for row in &rows {
                owners.push((row.get("key")?, row.get("id")?));
            }
        }
        Ok(owners)
    }
}

impl SqlLedger {
    async fn meant_once(
        &self,
        actor: &Actor,
        page: &[Meant],
        must_reach: Option<Ways>,
    ) -> Sql<Vec<Option<MeantAccount>>> {
        let nobody = Selection { scope: Scope::Selected, accounts: Vec::new(), narrowed: Where::default() };
        let mut arguments = filter_args(actor.district, &nobody, actor.role, actor.person, Confirm::default());
        let wanted: Vec<_> = page
            .iter()
            .enumerate()
            .map(|(at, row)| {
                // A row with an id is found by it alone; whether the username fits is seen afterwards.
                let key = if row.account.is_none() { Some(username_key(&row.username)) } else { None };
                json!({"at": at, "id": row.account, "key": key})
            })
            .collect();
        arguments.extend(args![actor.role.reach(), json_arg(&wanted), true]);
        arguments.extend(way_args(must_reach));
        // CROSS keeps SQLite from going through the whole district and comparing everybody with every row.
        let rows = self
            .db
            .read(
                concat!(
                    "SELECT r.at AS place, a.id, a.username, a.username_key, a.credential_version,
                         s.name AS school_name, d.name AS district_name, ",
                    exclusion!(reach "$14", sets "$16", must_reach "$17" by "$18" "$19" "$20" "$21"),
                    " AS code
                     FROM {rows $15: at integer, id uuid, key text} AS r
                     {lite CROSS} JOIN accounts a ON a.id = COALESCE(r.id,
                         (SELECT x.id FROM accounts x WHERE x.district_id = $1 AND x.username_key = r.key))
                     JOIN districts d ON d.id = a.district_id LEFT JOIN schools s ON s.id = a.school_id
                     WHERE a.district_id = $1"
                ),
                arguments,
            )
            .await?;
        let mut found: Vec<Option<MeantAccount>> = vec![None; page.len()];
        for row in &rows {
            let place = usize::try_from(row.get::<i32>("place")?).unwrap_or(usize::MAX);
            let (Some(slot), Some(asked)) = (found.get_mut(place), page.get(place)) else { continue };
            let said = asked.username.is_empty() || row.get::<String>("username_key")? == username_key(&asked.username);
            *slot = if said { Some(account(row)?) } else { None };
        }
        Ok(found)
    }
}

fn account(row: &Row) -> Sql<MeantAccount> {
    Ok(MeantAccount {
        id: row.get("id")?,
        username: row.get("username")?,
        code: row.maybe_word("code")?,
        forbidden: forbidden(row)?,
        version: row.get("credential_version")?,
    })
}
