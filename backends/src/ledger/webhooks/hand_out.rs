//! From an event to one message per endpoint that listens to it.

use std::collections::HashMap;
use std::time::Duration;

use keybell_shared::clock::Millis;
use keybell_shared::ids::{DistrictId, WebhookId, WebhookMessageId};
use keybell_shared::ports::ledger::HandedOut;
use keybell_shared::webhook::Pattern;
use serde_json::{Value as Json, json};

use super::super::SqlLedger;
use super::super::periodic;
use super::super::sql::{Failure, Row, Sql, Tx, args, json as json_arg};

/// Answers to one producer; nobody else's business.
const ANSWERS: &str = "request.";

/// An endpoint that may listen.
struct Listener {
    id: WebhookId,
    patterns: Vec<Pattern>,
}

impl SqlLedger {
    /// Events become visible in the order of their commits, not of their numbers. That does no harm here: whatever is not
    /// marked is looked at, however late it appears. Events about one subject are written under its lock, so among
    /// those the order of numbers is the order of commits.
    pub(super) async fn hand_out_once(&self, limit: u32, keep: Duration) -> Sql<HandedOut> {
        let mut tx = self.db.begin().await?;
        // Two leaders for a moment take turns here, so that no event overtakes an older one.
        let events = tx.all(periodic::NOT_HANDED_OUT, args![limit]).await?;
        if events.is_empty() {
            return Ok(HandedOut::default());
        }
        let listeners = listeners(&mut tx, &events, keep).await?;
        let (mut ids, mut rows) = (Vec::with_capacity(events.len()), Vec::new());
        for event in &events {
            ids.push(event.get::<i64>("id")?);
            let here = listeners.get(&event.get::<DistrictId>("district_id")?);
            rows.extend(messages(event, here.map(Vec::as_slice).unwrap_or_default())?);
        }
        insert(&mut tx, &rows).await?;
        tx.run("UPDATE events SET handed_out = TRUE WHERE id {in $1 bigint}", args![json_arg(&ids)]).await?;
        tx.commit().await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Ok(HandedOut { events: count(ids.len()), messages: count(rows.len()) })
    }
}

/// The endpoints of the events' districts. They are held until the end of the transaction, so that none is deleted
/// under the messages.
async fn listeners(tx: &mut Tx, events: &[Row], keep: Duration) -> Sql<HashMap<DistrictId, Vec<Listener>>> {
    let mut districts: Vec<DistrictId> = events.iter().map(|row| row.get("district_id")).collect::<Sql<_>>()?;
    districts.sort_unstable();
    districts.dedup();
    let rows = tx
        .all(
            "SELECT id, district_id, events FROM webhooks
             WHERE district_id {in $1 uuid} AND (state = 'active' OR disabled_at > {now} - $2)
             ORDER BY id {pg FOR KEY SHARE}",
            args![json_arg(&districts), keep],
        )
        .await?;
    let mut listeners: HashMap<DistrictId, Vec<Listener>> = HashMap::new();
    for row in &rows {
        let (id, patterns): (WebhookId, String) = (row.get("id")?, row.get("events")?);
        let patterns: Vec<String> = serde_json::from_str(&patterns)
            .map_err(|_| Failure::row(format!("the events of webhook {id} are no list")))?;
        let patterns = patterns.iter().filter_map(|text| text.parse().ok()).collect();
        listeners.entry(row.get("district_id")?).or_default().push(Listener { id, patterns });
    }
    Ok(listeners)
}

/// The messages of one event.
fn messages(event: &Row, listeners: &[Listener]) -> Sql<Vec<Json>> {
    let (id, kind): (i64, String) = (event.get("id")?, event.get("kind")?);
    let listening = |listener: &&Listener| listener.patterns.iter().any(|pattern| pattern.matches(&kind));
    let mut listening = listeners.iter().filter(listening).peekable();
    if kind.starts_with(ANSWERS) || listening.peek().is_none() {
        return Ok(Vec::new());
    }
    let body: String = event.get("body")?;
    let mut data: Json = serde_json::from_str(&body)
        .map_err(|error| Failure::row(format!("the body of event {id} cannot be read: {error}")))?;
    let subject = subject(id, &kind, &data);
    if let Json::Object(fields) = &mut data {
        fields.insert("event".to_owned(), json!(id));
        fields.insert("district".to_owned(), json!(event.get::<DistrictId>("district_id")?));
    }
    let body = message(&kind, event.get("at")?, &data);
    let row = |listener: &Listener| json!({"id": WebhookMessageId::fresh(), "webhook": listener.id, "subject": subject, "body": body});
    Ok(listening.map(row).collect())
}

/// What the event is about; events about the same go out one after the other.
fn subject(id: i64, kind: &str, data: &Json) -> String {
    let family = kind.split('.').next().unwrap_or_default();
    let about = data.get(family).and_then(Json::as_str);
    about.map_or_else(|| format!("event {id}"), |about| format!("{family} {about}"))
}

/// The body of a message. It is written once and is the same at every try.
pub(super) fn message(kind: &str, at: Millis, data: &Json) -> String {
    json!({"type": kind, "timestamp": at.rfc3339(), "data": data}).to_string()
}

/// Inserts messages in their order; they are due at once.
pub(super) async fn insert(tx: &mut Tx, rows: &[Json]) -> Sql<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbered: Vec<Json> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| {
            let mut row = row.clone();
            if let Json::Object(fields) = &mut row {
                fields.insert("place".to_owned(), json!(place));
            }
            row
        })
        .collect();
    tx.run(
        "INSERT INTO webhook_deliveries (id, webhook_id, subject, body, due_at, created_at)
         SELECT r.id, r.webhook, r.subject, r.body, {now}, {now}
         FROM {rows $1: id uuid, webhook uuid, subject text, body text, place bigint} AS r ORDER BY r.place",
        args![json_arg(&numbered)],
    )
    .await?;
    Ok(())
}
