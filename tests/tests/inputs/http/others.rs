//! The smaller bodies: control, keys, webhooks, sign-ins.

use serde_json::{Value, json};

use super::{Row, at, row};
use crate::bench::Door;
use crate::evidence::CANARY;

pub(super) fn rows(door: &Door) -> Vec<Row> {
    [control(door), keys(door), webhooks(door), sign_ins(door)].into_iter().flatten().collect()
}

fn control(door: &Door) -> Vec<Row> {
    let task = |action: &str, body: &str| door.post(&format!("/v1/tasks/{}/{action}", door.ended), body);
    vec![
        row("H117", "a cancel after the end", task("cancel", ""), (409, "task.ended")),
        row("H118", "a pause after the end", task("pause", ""), (409, "task.ended")),
        at(
            "H119",
            "a re-send of a lost list",
            task("resend", r#"{"accounts":null}"#),
            (400, "field.invalid", "accounts"),
        ),
        at("H120", "a re-send to nobody", task("resend", r#"{"accounts":[]}"#), (422, "resend.empty", "accounts")),
        at(
            "H121",
            "a re-send of states that cannot be told again",
            task("resend", r#"{"items":["notified"]}"#),
            (422, "resend.only_undelivered", "items[0]"),
        ),
        at(
            "H122",
            "a re-send with a member that there is not",
            task("resend", r#"{"all":true}"#),
            (400, "field.unknown", "all"),
        ),
    ]
}

fn keys(door: &Door) -> Vec<Row> {
    let make = |body: Value| door.post("/v1/keys", body.to_string());
    let name = |name: &str| make(json!({"name": name, "role": "application"}));
    let wrong = (422, "key.name", "name");
    vec![
        at("H123", "a key without a name", name(""), wrong),
        at("H124", "a key with a name of 101 characters", name(&"x".repeat(101)), wrong),
        at("H125", "a key whose name ends a line", name("office\nadmin"), wrong),
        at(
            "H126",
            "a key of a role that there is not",
            make(json!({"name": "x", "role": "root"})),
            (400, "field.invalid", "role"),
        ),
        at("H127", "a key without a role", make(json!({"name": "x"})), (400, "field.missing", "role")),
        at(
            "H128",
            "a key with more than a key has",
            make(json!({"name": "x", "role": "operator", "admin": true})),
            (400, "field.unknown", "admin"),
        ),
        at(
            "H129",
            "a teacher's key without the teacher",
            make(json!({"name": "x", "role": "teacher"})),
            (422, "key.person_missing", "person"),
        ),
        at(
            "H130",
            "a teacher's key of somebody elsewhere",
            make(json!({"name": "x", "role": "teacher", "person": "far"})),
            (422, "key.person_unknown", "person"),
        ),
    ]
}

fn webhooks(door: &Door) -> Vec<Row> {
    let make = |body: Value| door.post("/v1/webhooks", body.to_string());
    let to = |url: &str| make(json!({"url": url, "events": ["task.*"]}));
    let wrong = (422, "webhook.url", "url");
    let long = format!("https://hooks.example.com/{}", "x".repeat(3_000));
    vec![
        at("H131", "a webhook without TLS", to("http://hooks.example.com/x"), wrong),
        at("H132", "a webhook to a file", to("file:///etc/passwd"), wrong),
        at("H133", "a webhook to this machine", to("https://127.0.0.1/x"), wrong),
        at("H134", "a webhook to this machine, by its name", to("https://LOCALHOST./x"), wrong),
        at("H135", "a webhook to a cloud's own address, as IPv6", to("https://[::ffff:169.254.169.254]/"), wrong),
        at("H136", "a webhook to a number that is an address", to("https://2130706433/"), wrong),
        at("H137", "a webhook with credentials", to("https://user@hooks.example.com/"), wrong),
        at("H138", "a webhook of 3 KiB", to(&long), wrong),
        at("H139", "a webhook to a host in letters that look like others", to("https://раypal.com/"), wrong),
        at("H140", "a webhook with a line end", to("https://hooks.example.com/\r\nx"), wrong),
        at(
            "H141",
            "a webhook that hears nothing",
            make(json!({"url": "https://hooks.example.com/", "events": []})),
            (422, "webhook.events", "events"),
        ),
        at(
            "H142",
            "a webhook for an event that there is not",
            make(json!({"url": "https://hooks.example.com/", "events": ["task.*", "task.exploded"]})),
            (422, "webhook.events", "events[1]"),
        ),
        at(
            "H143",
            "a webhook whose events are a text",
            make(json!({"url": "https://hooks.example.com/", "events": "task.*"})),
            (400, "field.invalid", "events"),
        ),
        at("H144", "a webhook without a URL", make(json!({"events": ["*"]})), (400, "field.missing", "url")),
    ]
}

fn sign_ins(door: &Door) -> Vec<Row> {
    let ask = |body: Value| door.post("/v1/auth/verify", body.to_string());
    let one = |username: &str| ask(json!({"username": username, "password": CANARY}));
    let refused = (401, "sign_in.refused");
    vec![
        at(
            "H145",
            "a sign-in without a password",
            ask(json!({"username": "pupil2"})),
            (400, "field.missing", "password"),
        ),
        row(
            "H146",
            "a sign-in with a member that there is not, which is not repeated",
            ask(json!({"username": "x", "password": "y", CANARY: 1})),
            (400, "field.unknown"),
        ),
        row(
            "H147",
            "a sign-in whose password is a list",
            ask(json!({"username": "x", "password": [CANARY]})),
            (400, "field.invalid"),
        ),
        at(
            "H148",
            "a sign-in of a name with a line end",
            one("pupil2\n"),
            (400, "field.control_character", "username"),
        ),
        row("H149", "a sign-in of nobody", one("ghost"), refused),
        row("H150", "a sign-in of somebody who has no password yet", one("pupil2"), refused),
        row("H151", "a sign-in with the words of SQL", one("' OR 1=1--"), refused),
        row("H152", "a sign-in with 16 KiB", one(&"x".repeat(16 * 1024)), (413, "body.too_large")),
    ]
}

pub(super) fn taken(door: &Door) -> Vec<Row> {
    vec![
        row(
            "H153",
            "a key named with the words of SQL, templates and pages: a name is text",
            door.post(
                "/v1/keys",
                json!({"name": "'; DROP TABLE api_keys; -- {{7*7}}<img src=x>", "role": "operator"}).to_string(),
            ),
            (201, ""),
        ),
        row(
            "H154",
            "a webhook to any port: all that the other side hears is TLS",
            door.post(
                "/v1/webhooks",
                json!({"url": "https://hooks.example.com:25/", "events": ["task.*"]}).to_string(),
            ),
            (201, ""),
        ),
    ]
}
