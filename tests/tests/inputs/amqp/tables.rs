//! The messages.

use keybell_tests::fleet::World;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::{Value, json};

use super::{Fate, Row};
use crate::evidence::CANARY;

/// A request for one account.
fn reset_of(who: &str) -> Value {
    json!({
        "selection": {"scope": "selected", "accounts": [who]},
        "reason": "lost", "acknowledgement": "2026-11"
    })
}

/// A right request with one more member.
fn with(member: &str, value: &Value) -> Vec<u8> {
    let mut body = reset_of("p1");
    body[member] = value.clone();
    body.to_string().into_bytes()
}

fn right() -> Vec<u8> {
    reset_of("p1").to_string().into_bytes()
}

fn as_it_is(properties: BasicProperties, _: &World) -> BasicProperties {
    properties
}

/// A message whose body is wrong.
fn body(
    number: &'static str,
    what: &'static str,
    body: impl Into<Vec<u8>>,
    refused: (&'static str, &'static str),
) -> Row {
    let becomes = Fate::Refused(refused.0, refused.1);
    Row { number, what, properties: as_it_is, key: "request", body: body.into(), becomes }
}

/// A message whose properties are wrong.
fn properties(
    number: &'static str,
    what: &'static str,
    properties: fn(BasicProperties, &World) -> BasicProperties,
    becomes: Fate,
) -> Row {
    Row { number, what, properties, key: "request", body: right(), becomes }
}

/// The same message with other properties.
fn without_id(properties: &BasicProperties) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_user_id(properties.user_id().clone().unwrap_or_else(|| "guest".into()))
}

/// Tables within tables.
fn nested(depth: usize) -> FieldTable {
    let mut table = FieldTable::default();
    for _ in 0..depth {
        let mut outer = FieldTable::default();
        outer.insert("t".into(), AMQPValue::FieldTable(table));
        table = outer;
    }
    table
}

fn word(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Messages that change nothing.
pub(super) fn refused() -> Vec<Row> {
    [heads(), bodies()].into_iter().flatten().collect()
}

fn heads() -> Vec<Row> {
    vec![
        properties(
            "A01",
            "no content type",
            |right, _| without_id(&right).with_content_type("".into()).with_message_id("A01".into()),
            Fate::Refused("body.content_type", ""),
        ),
        properties(
            "A02",
            "another content type",
            |right, _| right.with_content_type("text/csv".into()),
            Fate::Refused("body.content_type", ""),
        ),
        properties(
            "A03",
            "JSON in UTF-16",
            |right, _| right.with_content_type("application/json; charset=utf-16".into()),
            Fate::Refused("body.content_type", ""),
        ),
        properties(
            "A04",
            "a compressed body: it is not unpacked, so it must not be taken for what it is not",
            |right, _| right.with_content_encoding("gzip".into()),
            Fate::Refused("body.encoding", ""),
        ),
        properties(
            "A06",
            "no user: nobody vouches for it",
            |_, _| {
                BasicProperties::default().with_content_type("application/json".into()).with_message_id("A06".into())
            },
            Fate::Dropped,
        ),
        properties(
            "A07",
            "another user's name",
            |right, _| right.with_user_id("somebody-else".into()),
            Fate::Broker(406),
        ),
        properties(
            "A08",
            "a lifetime that is no number",
            |right, _| right.with_expiration("abc".into()),
            Fate::Broker(406),
        ),
        properties("A09", "no message id", |right, _| without_id(&right), Fate::Refused("idempotency.missing", "")),
        properties(
            "A10",
            "a message id that is not ASCII: what cannot be told apart everywhere is no key",
            |right, _| right.with_message_id("A10é".into()),
            Fate::Refused("idempotency.malformed", ""),
        ),
        Row { key: "reset", ..properties("A11", "a key that leads nowhere", as_it_is, Fate::HandedBack) },
    ]
}

fn bodies() -> Vec<Row> {
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    let twice = reset_of("p1").to_string().replacen('{', "{\"reason\":\"lost\",", 1);
    let crowd = json!({"selection": {"scope": "selected", "accounts": vec!["p"; 50_001]}, "reason": "lost", "acknowledgement": "2026-11"});
    let shared = json!({"source": "shared", "value": CANARY});
    let everybody = json!({"selection": {}, "reason": "lost", "acknowledgement": "2026-11"});
    let lost =
        json!({"selection": {"scope": "all", "where": {"grades": []}}, "reason": "lost", "acknowledgement": "2026-11"});
    vec![
        body("A12", "an empty body", "", ("body.invalid", "")),
        body("A13", "no JSON", "please reset everybody", ("json.malformed", "")),
        body("A14", "a list", "[]", ("body.invalid", "")),
        body("A15", "2 MiB", vec![b' '; 2 * 1024 * 1024], ("body.too_large", "")),
        body("A16", "bytes that are no UTF-8", b"{\"reason\":\"caf\xe9\"}".to_vec(), ("body.not_utf8", "")),
        body("A17", "ten thousand brackets", deep, ("json.malformed", "")),
        body("A18", "a member twice", twice, ("json.duplicate_key", "reason")),
        body("A19", "a NUL character", reset_of("p\u{0}").to_string(), ("json.nul_character", "selection.accounts[0]")),
        body(
            "A20",
            "a district of its own choice: the district is the producer's",
            with("tenant_id", &json!("another")),
            ("field.unknown", "tenant_id"),
        ),
        body("A21", "a version that is not ours", with("version", &json!(2)), ("version.unsupported", "version")),
        body(
            "A22",
            "a shared password, which would lie in clear on the broker's disk",
            with("password", &shared),
            ("password.not_over_amqp", "password.value"),
        ),
        body(
            "A23",
            "an account that there is not",
            reset_of("ghost").to_string(),
            ("selection.unknown_accounts", "selection.accounts"),
        ),
        body("A24", "an empty selection", everybody.to_string(), ("field.missing", "selection.scope")),
        body(
            "A25",
            "a filter that lost its entries",
            lost.to_string(),
            ("selection.empty_filter", "selection.where.grades"),
        ),
        body("A26", "more names than are read", crowd.to_string(), ("selection.too_many", "selection.accounts")),
        body(
            "A27",
            "words of SQL for an account",
            reset_of("' OR 1=1--").to_string(),
            ("selection.unknown_accounts", "selection.accounts"),
        ),
        body(
            "A28",
            "precautions that nobody has read",
            with("acknowledgement", &Value::Null),
            ("acknowledgement.missing", "acknowledgement"),
        ),
    ]
}

/// Messages that are odd, and of which nothing is decided by what is odd; and what comes after a right one.
pub(super) fn taken() -> Vec<Row> {
    let ask = |number, what, who: &str, properties: fn(BasicProperties, &World) -> BasicProperties| Row {
        number,
        what,
        properties,
        key: "request",
        body: reset_of(who).to_string().into_bytes(),
        becomes: Fate::Accepted,
    };
    vec![
        ask("A40", "a right request", "p2", as_it_is),
        Row {
            becomes: Fate::Repeated,
            ..ask("A41", "the same again, with its message id", "p2", |right, _| right.with_message_id("A40".into()))
        },
        Row {
            becomes: Fate::Refused("idempotency.mismatch", ""),
            ..ask("A05", "another request with a message id that was used", "p3", |right, _| {
                right.with_message_id("A40".into())
            })
        },
        ask("A42", "one of our own queues for the answer: answers go to the events alone", "p3", |right, world| {
            right.with_reply_to(ShortString::from(world.broker.name("sms")))
        }),
        ask("A43", "not kept on disk, of the highest rank, of 1970", "p4", |right, _| {
            right.with_delivery_mode(1).with_priority(255).with_timestamp(0)
        }),
        ask("A44", "a lifetime of a minute, within which it is taken", "p5", |right, _| {
            right.with_expiration("60000".into())
        }),
        ask("A45", "tables within tables, a hundred deep", "p6", |right, _| right.with_headers(nested(100))),
        ask("A46", "the marks of a dead letter, forged", "p7", |right, _| {
            let mut headers = FieldTable::default();
            headers.insert("x-death".into(), word("often"));
            headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(1_000_000));
            headers.insert("traceparent".into(), AMQPValue::LongLongInt(7));
            right.with_headers(headers)
        }),
        ask("A47", "an encoding that only names the letters", "p8", |right, _| {
            right.with_content_encoding("utf-8".into())
        }),
    ]
}
