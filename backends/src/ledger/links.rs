//! One-time links: written with the reset, good from the claim of their message on, used once.

use async_trait::async_trait;
use keybell_shared::ids::{AccountId, ItemId};
use keybell_shared::link;
use keybell_shared::ports::ledger::{Claim, LedgerResult, LinkHolder, LinkLedger};
use keybell_shared::request::{PolicyName, ResetRequest};
use serde_json::{Value as Json, json};

use super::SqlLedger;
use super::accounts::store_chosen;
use super::counters::Deltas;
use super::decided::Decided;
use super::resets::forbidden;
use super::sql::{Failure, Row, Sql, Tx, args, json as json_arg, millis};

/// A link that is good now, with its account. `$1` is the token's hash; the literals are the columns, and what belongs behind
/// the join with the account.
macro_rules! good_link {
    ($columns:literal, $joins:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM links l JOIN accounts a ON a.id = l.account_id ",
            $joins,
            " WHERE l.token_hash = $1 AND l.valid_until > {now} AND l.credential_version = a.credential_version
                 AND a.active AND a.managed_by IS NULL AND a.managed_mark IS NULL"
        )
    };
}

#[async_trait]
impl LinkLedger for SqlLedger {
    async fn link(&self, hash: &str) -> LedgerResult<Option<LinkHolder>> {
        let row = self
            .db
            .read_first(
                good_link!(
                    "l.account_id, l.valid_until, a.district_id, a.username, a.given_name, a.password_hash, d.name AS district_name,
                     s.name AS school_name, t.request",
                    "JOIN districts d ON d.id = a.district_id LEFT JOIN schools s ON s.id = a.school_id
                     LEFT JOIN items i ON i.id = l.item_id LEFT JOIN tasks t ON t.id = i.task_id"
                ),
                args![hash],
            )
            .await?;
        Ok(row.map(|row| holder(&row)).transpose()?)
    }

    async fn redeem(
        &self,
        writer: &str,
        account: AccountId,
        hash: &str,
        password_hash: &str,
    ) -> LedgerResult<Option<i64>> {
        Ok(self.db.retrying(|| self.redeem_once(writer, account, hash, password_hash)).await?)
    }
}

fn holder(row: &Row) -> Sql<LinkHolder> {
    // A task that retention has forgotten had no stricter policy than the default one.
    let policy = match row.get::<Option<String>>("request")? {
        Some(text) => {
            let request: ResetRequest = serde_json::from_str(&text)
                .map_err(|error| Failure::row(format!("a task's request cannot be read: {error}")))?;
            request.policy
        }
        None => PolicyName::default(),
    };
    Ok(LinkHolder {
        account: row.get("account_id")?,
        district: row.get("district_id")?,
        district_name: row.get("district_name")?,
        username: row.get("username")?,
        given_name: row.get("given_name")?,
        password_hash: row.get("password_hash")?,
        forbidden: forbidden(row)?,
        policy,
        valid_until: row.get("valid_until")?,
    })
}

impl SqlLedger {
    async fn redeem_once(&self, writer: &str, account: AccountId, hash: &str, chosen: &str) -> Sql<Option<i64>> {
        let mut tx = self.db.begin().await?;
        // The account's lock first: whoever waits for it sees below what the other one left.
        let row = tx
            .first(
                "SELECT district_id, credential_version, password_hash FROM accounts WHERE id = $1 {lock}",
                args![account],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let current: i64 = row.get("credential_version")?;
        if row.get::<Option<String>>("password_hash")?.as_deref() == Some(chosen) {
            // A hash has a salt of its own: an earlier try of this call was stored and only its answer was lost.
            return Ok(Some(current));
        }
        let link = tx.first(good_link!("l.item_id", "AND a.id = $2"), args![hash, account]).await?;
        let Some(link) = link else { return Ok(None) };
        tx.run(
            "UPDATE items SET code = 'N07', changed_at = {now} WHERE id = $1 AND state IN ('reset', 'notified')",
            args![link.get::<ItemId>("item_id")?],
        )
        .await?;
        let mut deltas = Deltas::default();
        store_chosen(&mut tx, writer, &mut deltas, row.get("district_id")?, account, current + 1, chosen).await?;
        deltas.store(&mut tx, writer).await?;
        tx.commit().await?;
        Ok(Some(current + 1))
    }
}

/// Deletes the accounts' earlier links, and writes those of this group. Nobody can use them before they are sent.
pub(super) async fn store_links(tx: &mut Tx, group: &[Decided<'_>]) -> Sql<()> {
    let reset = || group.iter().filter(|decided| decided.is_reset());
    let accounts: Vec<AccountId> = reset().map(|decided| decided.write.account).collect();
    if accounts.is_empty() {
        return Ok(());
    }
    tx.run("DELETE FROM links WHERE account_id {any $1 uuid}", args![&*accounts]).await?;
    let mut rows: Vec<Json> = Vec::new();
    for decided in reset().filter(|decided| decided.sends_link) {
        for (channel, hash) in &decided.write.links {
            rows.push(json!({
                "hash": hash,
                "account": decided.write.account,
                "item": decided.write.item,
                "channel": channel,
                "version": decided.version,
                "kept": millis(decided.write.seal_ttl + link::EMAIL_VALID),
            }));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    tx.run(
        "INSERT INTO links (token_hash, account_id, item_id, channel, credential_version, kept_until, created_at)
         SELECT r.hash, r.account, r.item, r.channel, r.version, {now} + r.kept, {now}
         FROM {rows $1: hash text, account uuid, item bigint, channel text, version bigint, kept bigint} AS r",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}

/// The link of a message that is about to be sent, for [`store_validity`].
pub(super) fn sent(row: &Row, claim: &Claim) -> Sql<Json> {
    Ok(json!({
        "account": claim.account,
        "item": row.get::<ItemId>("item_id")?,
        "channel": claim.channel,
        "valid": millis(link::valid_for(claim.channel)),
    }))
}

/// From now on these links are good, each for as long as its channel allows; a retry begins anew.
pub(super) async fn store_validity(tx: &mut Tx, links: &[Json]) -> Sql<()> {
    if links.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE links SET valid_until = {now} + r.valid
         FROM {rows $1: account uuid, item bigint, channel text, valid bigint} AS r
         WHERE links.account_id = r.account AND links.item_id = r.item AND links.channel = r.channel",
        args![json_arg(links)],
    )
    .await?;
    Ok(())
}
