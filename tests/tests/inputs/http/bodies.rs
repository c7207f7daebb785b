//! Bodies that are no request at all: not JSON, not whole, too large, of another kind.

use super::{Row, at, row};
use crate::bench::{Door, request};
use crate::evidence::CANARY;
use crate::wire::Ask;

/// A right request with one more member.
pub(super) fn with(member: &str) -> String {
    let right = request(&["pupil2"]).to_string();
    let open = right.strip_suffix('}').expect("an object");
    format!("{open},{member}}}")
}

/// A head for a body that is sent by hand.
fn head(door: &Door, framing: &str, body: &[u8]) -> Ask {
    let head = format!(
        "POST /v1/tasks HTTP/1.1\r\nhost: keybell.test\r\nauthorization: Bearer {}\r\nidempotency-key: x\r\n\
         content-type: application/json\r\nconnection: close\r\n{framing}\r\n\r\n",
        door.key
    );
    Ask::raw([head.as_bytes(), body].concat())
}

pub(super) fn rows(door: &Door) -> Vec<Row> {
    let start = |body: &str| door.start(body);
    let right = request(&["pupil2"]).to_string();
    let typed = |value: &str| door.start(right.clone()).but("content-type", Some(value));
    let endless = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(40).into_bytes();
    let hours = |value: &str| start(&with(&format!("\"expires_in_hours\":{value}")));
    let malformed = (400, "json.malformed");
    let hours_invalid = (400, "field.invalid", "expires_in_hours");
    vec![
        row("H01", "an empty body", start(""), (400, "body.invalid")),
        row("H02", "null", start("null"), (400, "body.invalid")),
        row("H03", "a list", start("[]"), (400, "body.invalid")),
        row("H04", "a text that is a password", start(&format!("\"{CANARY}\"")), (400, "body.invalid")),
        row("H05", "JSON that breaks off", start(&right[..right.len() - 9]), malformed),
        row("H06", "a comma too many", start(&with("")), malformed),
        row("H07", "a comment", start("{/* no */}"), malformed),
        row("H08", "NaN", hours("NaN"), malformed),
        row("H09", "single quotes", start(&format!("{{'reason':'{CANARY}'}}")), malformed),
        at(
            "H10",
            "a member twice",
            start(&with("\"mode\":\"force\",\"mode\":\"force\"")),
            (400, "json.duplicate_key", "mode"),
        ),
        at(
            "H11",
            "a member twice, further inside",
            start(r#"{"selection":{"scope":"selected","scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#),
            (400, "json.duplicate_key", "selection.scope"),
        ),
        at("H12", "a misspelt member", start(&with("\"pasword\":{}")), (400, "field.unknown", "pasword")),
        at(
            "H13",
            "a misspelt member, further inside",
            start(&with("\"password\":{\"source\":\"generated\",\"fromat\":\"classic\"}")),
            (400, "field.unknown", "password.fromat"),
        ),
        row("H14", "ten thousand brackets", start(&format!("{{\"a\":{}", "[".repeat(10_000))), malformed),
        row("H15", "64 MiB announced", head(door, "content-length: 67108864", b"{"), (413, "body.too_large")),
        row(
            "H16",
            "pieces without an end",
            head(door, "transfer-encoding: chunked", &endless),
            (413, "body.too_large"),
        ),
        row(
            "H17",
            "a piece whose length is no number",
            head(door, "transfer-encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
            (400, "body.broken"),
        ),
        row(
            "H18",
            "a compressed body, which might unpack to anything",
            door.start(right.clone()).with("content-encoding", "gzip"),
            (415, "body.encoding"),
        ),
        row("H19", "no content type", door.start(right.clone()).but("content-type", None), (415, "body.media_type")),
        row("H20", "a form", typed("application/x-www-form-urlencoded"), (415, "body.media_type")),
        row("H21", "JSON in UTF-16", typed("application/json; charset=utf-16"), (415, "body.media_type")),
        row("H22", "bytes that are no UTF-8", door.start(b"{\"reason\":\"caf\xe9\"}".to_vec()), (400, "body.not_utf8")),
        row("H23", "half of a surrogate pair", start(&with("\"policy\":\"\\ud800\"")), malformed),
        at(
            "H24",
            "a NUL character, which the database cannot hold",
            start(&right.replace("pupil2", "pupil\\u0000")),
            (400, "json.nul_character", "selection.accounts[0]"),
        ),
        at("H25", "a number as a text", hours("\"5\""), hours_invalid),
        row("H26", "a number that no number can hold", hours("1e400"), malformed),
        at("H27", "minus zero", hours("-0"), hours_invalid),
        at("H28", "a number beyond 2^53", hours("9007199254740993"), hours_invalid),
        at("H29", "a whole number written as 1.0", hours("1.0"), hours_invalid),
        at(
            "H30",
            "a list where a word belongs",
            start(&with("\"channel\":[\"email\"]")),
            (400, "field.invalid", "channel"),
        ),
    ]
}
