//! Districts and API keys.

use async_trait::async_trait;
use keybell_shared::actor::{Actor, CONSOLE, PRODUCER_PREFIX};
use keybell_shared::clock::Millis;
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, ApiKeyId, DistrictId};
use keybell_shared::ports::ledger::{District, KeyFate, KeyLedger, KeyView, LedgerResult, NewKey};
use keybell_shared::seal::{hex, unhex};

use super::SqlLedger;
use super::journal::{self, NewAudit};
use super::sql::{Failure, Row, Sql, Tx, args};

#[async_trait]
impl KeyLedger for SqlLedger {
    async fn districts(&self) -> LedgerResult<Vec<District>> {
        let rows = self.db.read("SELECT id, slug, name FROM districts", args![]).await?;
        let mut districts: Vec<District> = rows.iter().map(district).collect::<Sql<_>>()?;
        // Sorted here: databases sort text by different rules.
        districts.sort_by(|one, other| one.slug.cmp(&other.slug));
        Ok(districts)
    }

    async fn ensure_district(&self, slug: &str, name: &str) -> LedgerResult<District> {
        Ok(self.db.retrying(|| self.ensure_district_once(slug, name)).await?)
    }

    async fn add_key(&self, key: NewKey) -> LedgerResult<KeyFate> {
        // Those names are the producers' and the console's, and tasks belong to names.
        if key.name.starts_with(PRODUCER_PREFIX) || key.name == CONSOLE {
            return Ok(KeyFate::NameReserved);
        }
        match self.db.retrying(|| self.add_key_once(&key)).await {
            Err(Failure::Duplicate(_)) => Ok(KeyFate::NameTaken),
            other => Ok(other?),
        }
    }

    async fn key(&self, id: ApiKeyId) -> LedgerResult<Option<(Vec<u8>, Actor)>> {
        // A key ends with its person: who has left the district acts no more.
        let row = self
            .db
            .read_first(
                "SELECT k.district_id, k.name, k.role, k.account_id, k.secret_hash
                 FROM api_keys k LEFT JOIN accounts a ON a.id = k.account_id
                 WHERE k.id = $1 AND k.revoked_at IS NULL AND (k.account_id IS NULL OR a.active)",
                args![id],
            )
            .await?;
        Ok(row.map(|row| secret_and_actor(id, &row)).transpose()?)
    }

    async fn keys(&self, district: DistrictId) -> LedgerResult<Vec<KeyView>> {
        let rows = self
            .db
            .read(
                "SELECT k.id, k.name, k.role, a.username AS person, k.created_at, k.revoked_at
                 FROM api_keys k LEFT JOIN accounts a ON a.id = k.account_id
                 WHERE k.district_id = $1 ORDER BY k.created_at, k.id",
                args![district],
            )
            .await?;
        Ok(rows.iter().map(view).collect::<Sql<_>>()?)
    }

    async fn sealed_with(&self, key_id: &str) -> LedgerResult<u64> {
        let row = self
            .db
            .read_first(
                "SELECT (SELECT count(*) FROM sealed_passwords WHERE key_id = $1)
                     + (SELECT count(*) FROM tasks WHERE shared_key_id = $1)
                     + (SELECT count(*) FROM uploaded_passwords WHERE key_id = $1) AS n",
                args![key_id],
            )
            .await?;
        Ok(row.map(|row| row.get::<i64>("n")).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
    }

    async fn sealed_until(&self, key_id: &str) -> LedgerResult<Option<Millis>> {
        let sql = "SELECT max(expires_at) AS until FROM sealed_passwords WHERE key_id = $1";
        let row = self.db.read_first(sql, args![key_id]).await?;
        Ok(row.map(|row| row.get("until")).transpose()?.flatten())
    }

    async fn revoke_key(&self, actor: &Actor, id: ApiKeyId) -> LedgerResult<bool> {
        Ok(self.db.retrying(|| self.revoke_key_once(actor, id)).await?)
    }
}

impl SqlLedger {
    async fn ensure_district_once(&self, slug: &str, name: &str) -> Sql<District> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO districts (id, slug, name, created_at) VALUES ($1, $2, $3, {now})
             ON CONFLICT (slug) DO NOTHING",
            args![DistrictId::fresh(), slug, name],
        )
        .await?;
        let row = tx.first("SELECT id, slug, name FROM districts WHERE slug = $1", args![slug]).await?;
        let made = row.map(|row| district(&row)).transpose()?;
        tx.commit().await?;
        made.ok_or_else(|| Failure::row(format!("district `{slug}` is not there after it was made")))
    }

    async fn add_key_once(&self, key: &NewKey) -> Sql<KeyFate> {
        let mut tx = self.db.begin().await?;
        let person = match &key.person {
            None => None,
            Some(username) => match person(&mut tx, key.district, username).await? {
                None => return Ok(KeyFate::UnknownPerson),
                found => found,
            },
        };
        tx.run(
            "INSERT INTO api_keys (id, district_id, name, role, account_id, secret_hash, made_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, {now})",
            args![key.id, key.district, &key.name, key.role.as_str(), person, hex(&key.secret_hash), key.made_by],
        )
        .await?;
        let whose = key.person.as_ref().map_or_else(|| "nobody".to_owned(), |person| format!("{person:?}"));
        let detail = format!("role {}, name {:?}, person {whose}", key.role, key.name);
        let by = maker(&mut tx, key).await?;
        audit(&mut tx, key.district, by, "key.created", key.id, detail).await?;
        tx.commit().await?;
        Ok(KeyFate::Added)
    }

    async fn revoke_key_once(&self, actor: &Actor, id: ApiKeyId) -> Sql<bool> {
        let district = actor.district;
        let mut tx = self.db.begin().await?;
        let changed = tx
            .run(
                "UPDATE api_keys SET revoked_at = {now} WHERE id = $1 AND district_id = $2 AND revoked_at IS NULL",
                args![id, district],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        audit(&mut tx, district, actor.name.clone(), "key.revoked", id, String::new()).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn person(tx: &mut Tx, district: DistrictId, username: &str) -> Sql<Option<AccountId>> {
    let row = tx
        .first(
            "SELECT id FROM accounts WHERE district_id = $1 AND username_key = $2",
            args![district, username_key(username)],
        )
        .await?;
    row.map(|row| row.get("id")).transpose()
}

/// The name of the key with which a key is made, for the audit; without one, the console's.
async fn maker(tx: &mut Tx, key: &NewKey) -> Sql<String> {
    let Some(by) = key.made_by else { return Ok(CONSOLE.to_owned()) };
    let row = tx.first("SELECT name FROM api_keys WHERE id = $1 AND district_id = $2", args![by, key.district]).await?;
    Ok(row.map(|row| row.get("name")).transpose()?.unwrap_or_else(|| by.to_string()))
}

async fn audit(
    tx: &mut Tx,
    district: DistrictId,
    actor: String,
    action: &'static str,
    key: ApiKeyId,
    detail: String,
) -> Sql<()> {
    let subject = format!("key {key}");
    journal::audits(tx, &[NewAudit { district, actor, action, subject, detail }]).await
}

fn district(row: &Row) -> Sql<District> {
    Ok(District { id: row.get("id")?, slug: row.get("slug")?, name: row.get("name")? })
}

fn view(row: &Row) -> Sql<KeyView> {
    Ok(KeyView {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row.word("role")?,
        person: row.get("person")?,
        created_at: row.get("created_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

fn secret_and_actor(id: ApiKeyId, row: &Row) -> Sql<(Vec<u8>, Actor)> {
    let secret: String = row.get("secret_hash")?;
    let secret =
        unhex(&secret).ok_or_else(|| Failure::row(format!("the secret hash of key {id} is not hexadecimal")))?;
    let actor = Actor {
        district: row.get("district_id")?,
        role: row.word("role")?,
        name: row.get("name")?,
        key: Some(id),
        person: row.get("account_id")?,
    };
    Ok((secret, actor))
}
