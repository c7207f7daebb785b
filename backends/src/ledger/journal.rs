//! Rows that only ever are inserted: domain events for the outside, and the audit.

use keybell_shared::events::Fact;
use keybell_shared::ids::DistrictId;

use super::sql::{Failure, Sql, Tx, args, cells};

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

/// Inserts events. Where no endpoint could listen to them they count as handed out, which spares writing each a second
/// time; [`super::webhooks`] says why none is missed.
pub(super) async fn events(tx: &mut Tx, events: &[NewEvent]) -> Sql<()> {
    if events.is_empty() {
        return Ok(());
    }
    let body = |event: &NewEvent| event.fact.body().map_err(|error| Failure::row(error.to_string()));
    let bodies: Vec<String> = events.iter().map(|event| Ok(body(event)?.to_string())).collect::<Sql<_>>()?;
    let rows: Vec<_> =
        events.iter().zip(&bodies).map(|(event, body)| cells![event.district, event.fact.kind(), body]).collect();
    tx.run_rows(
        "INSERT INTO events (district_id, kind, body, at, handed_out)
         SELECT r.district, r.kind, r.body, {now}, r.district NOT IN (SELECT w.district_id FROM webhooks w)
         FROM {table $1: district uuid, kind text, body text} AS r",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}

/// Inserts audit rows.
pub(super) async fn audits(tx: &mut Tx, audits: &[NewAudit]) -> Sql<()> {
    if audits.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = audits
        .iter()
        .map(|audit| cells![audit.district, &audit.actor, audit.action, &audit.subject, &audit.detail])
        .collect();
    tx.run_rows(
        "INSERT INTO audit (district_id, at, actor, action, subject, detail)
         SELECT r.district, {now}, r.actor, r.action, r.subject, r.detail
         FROM {table $1: district uuid, actor text, action text, subject text, detail text} AS r",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}
