//! Reading a request's bytes, the same for every door. Nothing of a value is ever repeated in an answer: it may be a
//! password in the wrong place.

use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{ResetRequest, Where};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{locate, rules, strict};

/// The largest request that is read, in bytes: 1 MiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Some editors put this before the text; it means nothing.
const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The places of a request, and of a re-issue, that are objects.
const OBJECTS: [&str; 7] = ["", "selection", "selection.where", "confirm", "password", "start", "waves"];

/// Reads a request.
///
/// # Errors
/// `body.too_large`, `body.invalid` (empty, or no JSON object), `body.not_utf8`, `json.malformed` with line and column,
/// `json.duplicate_key`, `json.nul_character`, `version.unsupported`, `field.unknown`, `field.missing`,
/// `field.invalid`, `selection.empty_filter`; each with the field's path where there is one.
pub fn parse(bytes: &[u8]) -> Result<ResetRequest, Problem> {
    let text = text(bytes, &OBJECTS)?;
    let outline: Outline = serde_json::from_str(text).map_err(|_| no_object())?;
    // Before everything else: a request of another version may well have fields that this one does not know.
    if let Some(version) = outline.version.as_ref().and_then(Value::as_u64) {
        rules::version(u32::try_from(version).unwrap_or(u32::MAX))?;
    }
    let kind = locate::Kind {
        read: |document| serde_json::from_value::<ResetRequest>(document).map(drop),
        least: || json!({ "selection": { "scope": "all" }, "reason": "other" }),
    };
    let request = serde_json::from_str(text).map_err(|_| locate::explain(text, kind))?;
    no_empty_filter(&outline)?;
    Ok(request)
}

/// Reads a body that has no member that it must have, with the same strictness as a request.
pub(crate) fn parse_options<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read_text(text(bytes, &OBJECTS)?, || json!({}))
}

/// Reads any other body, whose members are no objects, with the same strictness. `least` is one that is right, with
/// nothing but the members that it must have.
///
/// # Errors
/// As [`parse`], but for what only a request has.
pub fn read<T: DeserializeOwned>(bytes: &[u8], least: fn() -> Value) -> Result<T, Problem> {
    read_text(text(bytes, &[""])?, least)
}

/// Reads a filter of accounts, a selection's `where` on its own, with the same strictness as a request.
///
/// # Errors
/// As [`parse`]; fields are those of the filter.
pub fn parse_filter(bytes: &[u8]) -> Result<Where, Problem> {
    let filter = read_text(text(bytes, &[""])?, || json!({}))?;
    let fields = serde_json::from_slice(bytes).map_err(|_| no_object())?;
    no_empty_list("", &fields)?;
    Ok(filter)
}

fn read_text<T: DeserializeOwned>(text: &str, least: fn() -> Value) -> Result<T, Problem> {
    // Only the first sign is looked at: the members may be passwords, and reading them would copy them.
    if !text.trim_start().starts_with('{') {
        return Err(no_object());
    }
    let kind = locate::Kind { read: |document| serde_json::from_value::<T>(document).map(drop), least };
    serde_json::from_str(text).map_err(|_| locate::explain(text, kind))
}

/// The text of a body: not too large, UTF-8, JSON, and without what a typed reading would not notice.
fn text<'a>(bytes: &'a [u8], objects: &[&str]) -> Result<&'a str, Problem> {
    if bytes.len() > MAX_BYTES {
        let detail = format!("the request has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        return Err(Problem::new(ProblemKind::TooLarge, "body.too_large", detail));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the request is not UTF-8: byte {} fits no character", error.valid_up_to() + 1);
        malformed("body.not_utf8", detail)
    })?;
    if text.trim().is_empty() {
        return Err(malformed("body.invalid", "the request is empty; a JSON object is expected"));
    }
    strict::check(text, objects)?;
    Ok(text)
}

fn no_object() -> Problem {
    malformed("body.invalid", "a JSON object is expected")
}

/// The few places that are looked at before, or beside, the typed reading.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    version: Option<Value>,
    #[serde(default)]
    selection: Value,
}

/// An empty `where`, or an empty list in it, is refused: once read it could not be told from a missing one, and a filter that lost its
/// entries on the way must not mean everybody.
fn no_empty_filter(outline: &Outline) -> Result<(), Problem> {
    let Some(Value::Object(fields)) = outline.selection.get("where") else { return Ok(()) };
    if fields.is_empty() {
        let detail = "a `where` without a field narrows nothing; leave it out, or name what is meant";
        return Err(Problem::invalid("selection.empty_filter", "selection.where", detail));
    }
    no_empty_list("selection.where.", fields)
}

/// Refuses an empty list in a filter.
fn no_empty_list(at: &str, fields: &Map<String, Value>) -> Result<(), Problem> {
    let empty = fields.iter().find(|(_, list)| list.as_array().is_some_and(Vec::is_empty));
    empty.map_or(Ok(()), |(field, _)| {
        let detail = "an empty list is no filter; leave the field out, or name what is meant";
        Err(Problem::invalid("selection.empty_filter", format!("{at}{field}"), detail))
    })
}

/// A request that cannot be read.
pub(super) fn malformed(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Malformed, code, detail)
}

#[cfg(test)]
mod tests;
