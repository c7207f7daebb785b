//! Requests that can be read and mean nothing, too much, or what nobody may ask for.

use serde_json::{Value, json};

use super::bodies::with;
use super::{Row, at, row};
use crate::bench::{Door, Server, request};
use crate::evidence::CANARY;
use crate::wire::exchange;

/// A request with another selection.
fn selecting(selection: &Value) -> String {
    json!({"selection": selection, "reason": "lost", "acknowledgement": "2026-11"}).to_string()
}

/// A request with a shared password, for one account.
fn sharing(value: &str) -> String {
    with(&json!({"source": "shared", "value": value}).to_string().replacen('{', "\"password\":{", 1))
}

/// A shared password for all thirty pupils.
fn for_all(more: &Value) -> String {
    let mut body = json!({
        "selection": {"scope": "all"}, "password": {"source": "shared", "value": CANARY},
        "reason": "lost", "acknowledgement": "2026-11"
    });
    for (member, value) in more.as_object().expect("members") {
        if let (Value::Object(known), Value::Object(new)) = (&mut body[member], value) {
            known.extend(new.clone());
        } else {
            body[member] = value.clone();
        }
    }
    body.to_string()
}

pub(super) fn rows(door: &Door) -> Vec<Row> {
    [selections(door), names(door), passwords(door), words(door), keys(door)].into_iter().flatten().collect()
}

fn selections(door: &Door) -> Vec<Row> {
    let ask = |selection: Value| door.start(selecting(&selection));
    let unknown = |accounts: Value| ask(json!({"scope": "selected", "accounts": accounts}));
    vec![
        at(
            "H31",
            "an empty list of accounts: never everybody",
            unknown(json!([])),
            (422, "selection.empty", "selection.accounts"),
        ),
        at(
            "H32",
            "no selection",
            door.start(r#"{"reason":"lost","acknowledgement":"2026-11"}"#),
            (400, "field.missing", "selection"),
        ),
        at("H33", "an empty selection", ask(json!({})), (400, "field.missing", "selection.scope")),
        at(
            "H34",
            "a word for everybody that is ours not",
            ask(json!({"all": true})),
            (400, "field.unknown", "selection.all"),
        ),
        at(
            "H35",
            "a filter that lost its entries",
            ask(json!({"scope": "all", "where": {"schools": []}})),
            (422, "selection.empty_filter", "selection.where.schools"),
        ),
        at(
            "H36",
            "a filter that lost its fields",
            ask(json!({"scope": "all", "where": {}})),
            (422, "selection.empty_filter", "selection.where"),
        ),
        at(
            "H37",
            "a count to be confirmed: the preview counts, and the precautions are acknowledged instead",
            door.start(with("\"confirm_count\":5")),
            (400, "field.unknown", "confirm_count"),
        ),
    ]
}

fn names(door: &Door) -> Vec<Row> {
    let ask = |selection: Value| door.start(selecting(&selection));
    let unknown = |accounts: Value| ask(json!({"scope": "selected", "accounts": accounts}));
    let missing = (422, "selection.unknown_accounts", "selection.accounts");
    let crowd = vec!["p"; 50_001];
    let everybody: Vec<String> = (1..=30).map(|n| format!("pupil{n}")).chain(["left".to_owned()]).collect();
    let payloads = ["' OR 1=1--", "{{7*7}}", "${jndi:ldap://x}", "<script>alert(1)</script>", "*)(uid=*"];
    vec![
        at("H38", "more names than are read", unknown(json!(crowd)), (413, "selection.too_many", "selection.accounts")),
        at("H39", "a name with a blank before it, compared as it is", unknown(json!([" pupil2"])), missing),
        at(
            "H40",
            "an unknown account: the whole request is refused and all unknown ones are listed, so that nobody is left out \
             unseen",
            unknown(json!(["pupil2", "ghost"])),
            missing,
        ),
        at(
            "H41",
            "an account of another district, which looks as unknown as any other",
            unknown(json!([door.foreign])),
            missing,
        ),
        at(
            "H42",
            "a blank name",
            unknown(json!(["pupil2", "  "])),
            (422, "selection.blank_entry", "selection.accounts[1]"),
        ),
        at(
            "H43",
            "a name that no roster could hold",
            unknown(json!(["x".repeat(256)])),
            (422, "selection.bad_entry", "selection.accounts[0]"),
        ),
        at("H44", "the words of SQL, LDAP, templates and pages, as names", unknown(json!(payloads)), missing),
        at(
            "H45",
            "the same as the name of a school",
            ask(json!({"scope": "all", "where": {"schools": payloads}})),
            (422, "selection.unknown_names", "selection.where"),
        ),
        at(
            "H46",
            "a list beside a scope that takes none",
            ask(json!({"scope": "all", "accounts": ["pupil2"]})),
            (422, "selection.unexpected_accounts", "selection.accounts"),
        ),
        at(
            "H47",
            "a selection that means nobody",
            ask(json!({"scope": "all_except", "accounts": everybody})),
            (422, "selection.nobody", "selection"),
        ),
    ]
}

fn passwords(door: &Door) -> Vec<Row> {
    let share = |value: &str| door.start(sharing(value));
    let value = "password.value";
    vec![
        at(
            "H48",
            "a shared password that is short: it is guarded by the policy, not forbidden",
            share("Ab1"),
            (422, "password.too_short", value),
        ),
        at(
            "H49",
            "a shared password of 10,000 characters",
            share(&"Ab1".repeat(3_334)),
            (422, "password.too_long", value),
        ),
        at(
            "H50",
            "a shared password with a line end",
            share("Otter-lamp\n-47"),
            (422, "password.control_character", value),
        ),
        at(
            "H51",
            "a blank shared password, which counts as none: generated ones would be told to nobody",
            door.start(with("\"password\":{\"source\":\"shared\",\"value\":\"   \"},\"notify\":\"never\"")),
            (422, "notify.nobody_would_know", "notify"),
        ),
        at("H52", "a shared password that everybody tries first", share("Password1"), (422, "password.common", value)),
        at(
            "H53",
            "a shared password with the name of the district",
            share("Rivermoor-2026"),
            (422, "password.personal", value),
        ),
        at(
            "H54",
            "a shared password for more than 25, unacknowledged",
            door.start(for_all(&json!({}))),
            (422, "password.shared_unacknowledged", "password.acknowledged"),
        ),
        at(
            "H55",
            "a shared password for more than 25, permanent",
            door.start(for_all(&json!({"password": {"acknowledged": true}, "temporary": false}))),
            (422, "password.shared_must_be_temporary", "temporary"),
        ),
        at(
            "H56",
            "a shared password for more than 25, for a week",
            door.start(for_all(&json!({"password": {"acknowledged": true}, "expires_in_hours": 168}))),
            (422, "password.shared_expiry_too_long", "expires_in_hours"),
        ),
        at(
            "H57",
            "a rule for passwords of one's own: there are named formats only",
            door.start(with("\"password\":{\"source\":\"generated\",\"length\":4}")),
            (400, "field.unknown", "password.length"),
        ),
        at(
            "H58",
            "a format that there is not",
            door.start(with("\"password\":{\"source\":\"generated\",\"format\":\"birthday\"}")),
            (400, "field.invalid", "password.format"),
        ),
        at(
            "H59",
            "an expiry of no hours",
            door.start(with("\"expires_in_hours\":0")),
            (422, "password.expiry_out_of_range", "expires_in_hours"),
        ),
    ]
}

fn words(door: &Door) -> Vec<Row> {
    let member = |member: &str| door.start(with(member));
    let right = request(&["pupil2"]).to_string();
    let long = right.replace("lost", &"lost ".repeat(2_048));
    let version = (422, "version.unsupported", "version");
    vec![
        at("H60", "a channel that there is not", member("\"channel\":\"fax\""), (400, "field.invalid", "channel")),
        at(
            "H61",
            "a link, where nobody has said where links lead",
            member("\"delivery\":\"link\""),
            (422, "links.no_url", "delivery"),
        ),
        at(
            "H62",
            "nobody told of a generated password",
            member("\"notify\":\"never\""),
            (422, "notify.nobody_would_know", "notify"),
        ),
        at(
            "H63",
            "no reason",
            door.start(right.replace("\"reason\":\"lost\"", "\"mode\":\"force\"")),
            (400, "field.missing", "reason"),
        ),
        at("H64", "a reason of 10 KiB", door.start(long), (400, "field.invalid", "reason")),
        at("H65", "a blank reason", door.start(right.replace("lost", "  ")), (400, "field.invalid", "reason")),
        at(
            "H66",
            "precautions that nobody has read",
            door.start(right.replace("acknowledgement", "mode").replace("2026-11", "force")),
            (422, "acknowledgement.missing", "acknowledgement"),
        ),
        at(
            "H67",
            "precautions of another time",
            door.start(right.replace("2026-11", "1999-01")),
            (422, "acknowledgement.outdated", "acknowledgement"),
        ),
        at(
            "H68",
            "a time to begin at, which there is not yet",
            member("\"schedule_at\":\"9999-01-01\""),
            (400, "field.unknown", "schedule_at"),
        ),
        at("H69", "a version that is not ours", member("\"version\":2"), version),
        at(
            "H70",
            "a version beyond every number",
            member("\"version\":99999999999999999999"),
            (400, "field.invalid", "version"),
        ),
    ]
}

fn keys(door: &Door) -> Vec<Row> {
    let right = request(&["pupil2"]).to_string();
    let start = || door.start(right.clone());
    let key = |value: &str| start().but("idempotency-key", Some(value));
    vec![
        row("H71", "no idempotency key", start().but("idempotency-key", None), (400, "idempotency.missing")),
        row("H72", "an empty idempotency key", key(""), (400, "idempotency.missing")),
        row("H73", "an idempotency key of 300 characters", key(&"x".repeat(300)), (400, "idempotency.malformed")),
        row("H74", "an idempotency key that is not ASCII", key("schlüssel"), (400, "idempotency.malformed")),
        row("H75", "two idempotency keys", start().with("idempotency-key", "b"), (400, "idempotency.repeated")),
        row("H76", "an idempotency key of another request", key("first"), (422, "idempotency.mismatch")),
        row(
            "H77",
            "a key of the API that is none",
            start().but("authorization", Some("Bearer kb_1_2")),
            (401, "key.invalid"),
        ),
        row(
            "H78",
            "a key of the API that may only look",
            start().but("authorization", Some(&format!("Bearer {}", door.operator))),
            (403, "role.may_not_reset"),
        ),
    ]
}

pub(super) fn taken(door: &Door) -> Vec<Row> {
    let five = request(&["pupil3"; 5]).to_string();
    vec![row(
        "H79",
        "an account five times: it is meant once",
        door.start(five).but("idempotency-key", Some("five-times")),
        (202, ""),
    )]
}

/// H80: the same request twice at the same moment is one task; neither caller has to come back.
pub(super) async fn twins(server: &Server) -> usize {
    let ask = server.door.start(request(&["pupil4"]).to_string()).but("idempotency-key", Some("twins")).bytes();
    let (one, two) = tokio::join!(exchange(server.address, &ask), exchange(server.address, &ask));
    let mut tasks: Vec<String> = [one, two].iter().map(|reply| reply.text("task")).collect();
    assert!(tasks.iter().all(|task| !task.is_empty()), "both are answered with a task");
    tasks.dedup();
    tasks.len()
}
