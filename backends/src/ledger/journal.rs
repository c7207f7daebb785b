//! Rows that only ever are inserted: domain events for the outside, and the audit.

use keybell_shared::events::Fact;
use keybell_shared::ids::DistrictId;
use serde_json::{Value as Json, json};

use super::sql::{Failure, Sql, Tx, args, json as json_arg};

/// An event to be handed on by the relay.
pub(super) struct NewEvent {
    pub(super) district: DistrictId,
    pub(super) fact: Fact,
}

/// Something that somebody did. Holds ids, counts and codes; never a secret, never a contact.
pub(super) struct NewAudit {
    pub(super) district: DistrictId,
    pub(super) actor: String,
    pub(super) action: &'static str,
    /// What it was done to: `task <id>`, `account <id>`, `key <id>`.
    pub(super) subject: String,
    pub(super) detail: String,
}

/// Inserts events.
pub(super) async fn events(tx: &mut Tx, events: &[NewEvent]) -> Sql<()> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Json> = events
        .iter()
        .map(|event| {
            let body = event.fact.body().map_err(|error| Failure::row(error.to_string()))?;
            Ok(json!({"district": event.district, "kind": event.fact.kind(), "body": body.to_string()}))
        })
        .collect::<Sql<_>>()?;
    tx.run(
        "INSERT INTO events (district_id, kind, body, at)
         SELECT r.district, r.kind, r.body, {now} FROM {rows $1: district uuid, kind text, body text} AS r",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}

/// Inserts audit rows.
pub(super) async fn audits(tx: &mut Tx, audits: &[NewAudit]) -> Sql<()> {
    if audits.is_empty() {
        return Ok(());
    }
    let rows: Vec<Json> = audits
        .iter()
        .map(|audit| {
            json!({"district": audit.district, "actor": audit.actor, "action": audit.action,
                   "subject": audit.subject, "detail": audit.detail})
        })
        .collect();
    tx.run(
        "INSERT INTO audit (district_id, at, actor, action, subject, detail)
         SELECT r.district, {now}, r.actor, r.action, r.subject, r.detail
         FROM {rows $1: district uuid, actor text, action text, subject text, detail text} AS r",
        args![json_arg(&rows)],
    )
    .await?;
    Ok(())
}
