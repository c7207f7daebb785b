//! Heads that no honest client sends: paths, methods, headers, framing, parameters.

use super::{Row, at, row};
use crate::bench::{Door, request};
use crate::wire::Ask;

pub(super) fn rows(door: &Door) -> Vec<Row> {
    [paths(door), headers(door), framing(door), parameters(door)].into_iter().flatten().collect()
}

fn paths(door: &Door) -> Vec<Row> {
    let task = |id: &str| door.get(&format!("/v1/tasks/{id}"));
    let nothing = (404, "not_found");
    vec![
        row("H81", "a path that climbs, in disguise", task("..%2f.."), nothing),
        row("H82", "a path that climbs", task("../keys"), (404, "route.unknown")),
        row("H83", "a NUL in a path", task("%00"), nothing),
        row("H84", "an id in capitals: one thing has one address", task(&door.ended.to_uppercase()), nothing),
        row("H85", "an id in braces", task(&format!("%7B{}%7D", door.ended)), nothing),
        row("H86", "a task of nobody", task("0198f2f0-0000-7000-8000-000000000000"), nothing),
        row(
            "H87",
            "an action that there is not",
            door.post(&format!("/v1/tasks/{}/reject", door.ended), "{}"),
            (404, "route.unknown"),
        ),
        row("H88", "TRACE", Ask::new("TRACE", "/v1/tasks").by(&door.key), (405, "method.not_allowed")),
        row(
            "H89",
            "a method that the route does not have",
            Ask::new("DELETE", "/v1/tasks").by(&door.key),
            (405, "method.not_allowed"),
        ),
    ]
}

fn headers(door: &Door) -> Vec<Row> {
    let get = || door.get("/v1/tasks");
    let many = (0..200).fold(get(), |ask, n| ask.with(&format!("x-{n}"), "1"));
    vec![
        row("H90", "200 headers: refused while they are read, without a body", many, (431, "")),
        row("H91", "headers of 64 KiB", get().with("x-large", "x".repeat(64 * 1024)), (431, "headers.too_large")),
        row(
            "H92",
            "a header of 1 MiB: refused while it is read",
            get().with("x-large", "x".repeat(1024 * 1024)),
            (431, ""),
        ),
        row("H93", "two keys of the API", get().by(&door.operator), (400, "authorization.repeated")),
        row("H94", "two hosts", get().with("host", "elsewhere.test"), (400, "host.repeated")),
        row("H95", "a header with a line end in its name", get().with("x\r\ny z", "1"), (400, "")),
    ]
}

fn framing(door: &Door) -> Vec<Row> {
    let right = request(&["pupil2"]).to_string();
    let smuggled = format!("0\r\n\r\nGET /v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", door.key);
    let by_hand = |framing: &str, body: &str| {
        Ask::raw(format!(
            "POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: x\r\ncontent-type: \
             application/json\r\nconnection: close\r\n{framing}\r\n\r\n{body}",
            door.key
        ))
    };
    vec![
        row(
            "H96",
            "a length and pieces at once, with a second request behind: the pieces count, and the second is not heard",
            by_hand(&format!("content-length: {}\r\ntransfer-encoding: chunked", smuggled.len()), &smuggled),
            (400, "body.invalid"),
        ),
        row("H97", "two lengths", by_hand("content-length: 2\r\ncontent-length: 3", "{}"), (400, "")),
        row("H98", "a length below nothing", by_hand("content-length: -1", "{}"), (400, "")),
        row(
            "H99",
            "a transfer coding that is not the last",
            by_hand("transfer-encoding: chunked, gzip", &right),
            (400, ""),
        ),
        row("H100", "no HTTP at all", Ask::raw("\u{16}\u{3}\u{1} hello\r\n\r\n"), (400, "")),
    ]
}

fn parameters(door: &Door) -> Vec<Row> {
    let list = |query: &str| door.get(&format!("/v1/tasks?{query}"));
    let limit = (400, "query.limit", "limit");
    let cursor = (400, "query.cursor", "before");
    let task = format!("/v1/tasks/{}", door.ended);
    vec![
        at("H101", "a page of minus one", list("limit=-1"), limit),
        at("H102", "a page of none", list("limit=0"), limit),
        at("H103", "a page of ten in words", list("limit=ten"), limit),
        at("H104", "a cursor that is none", list("before=zzz"), cursor),
        at("H105", "a cursor of another district", list(&format!("before={}", door.cursor)), cursor),
        row("H106", "a misspelt parameter", list("limt=5"), (400, "query.invalid")),
        row("H107", "a parameter twice", list("limit=1&limit=2"), (400, "query.invalid")),
        row(
            "H108",
            "a parameter where there are none",
            door.get(&format!("{task}?fields=all")),
            (400, "query.invalid"),
        ),
        row(
            "H109",
            "a parameter where something is done",
            door.post(&format!("{task}/pause?for=5"), ""),
            (400, "query.invalid"),
        ),
        row(
            "H110",
            "a body where none is read",
            door.post(&format!("{task}/pause"), r#"{"for":5}"#),
            (400, "body.unexpected"),
        ),
        row("H111", "a body of a question", door.get(&task).json(r#"{"fields":"all"}"#), (400, "body.unexpected")),
        at(
            "H112",
            "a state that there is not",
            door.get(&format!("{task}/items?state=done")),
            (400, "query.state", "state"),
        ),
    ]
}

pub(super) fn taken(door: &Door) -> Vec<Row> {
    vec![
        row(
            "H113",
            "a page of a milliard: brought down to the largest",
            door.get("/v1/tasks?limit=1000000000"),
            (200, ""),
        ),
        row(
            "H114",
            "another method in a header: nobody reads it",
            door.get("/v1/tasks").with("x-http-method-override", "DELETE"),
            (200, ""),
        ),
        row(
            "H115",
            "an empty object where no body is read, as some clients always send one",
            door.post(&format!("/v1/tasks/{}/resume", door.ended), " {} "),
            (409, "task.ended"),
        ),
        row(
            "H116",
            "HTTP/1.0",
            Ask::raw(format!("GET /v1/tasks HTTP/1.0\r\nauthorization: Bearer {}\r\n\r\n", door.key)),
            (200, ""),
        ),
    ]
}
