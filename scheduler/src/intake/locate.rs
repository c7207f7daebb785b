//! Finding the field that a typed reading stumbled over. Only called when it did.
//!
//! The reader of tagged objects (`password`) does not say where it failed, and its words repeat values. So each member
//! is tried alone within a minimal document that is known to be right: what fails alone is the culprit. This needs no
//! second list of the fields that could grow old.

use keybell_shared::problem::Problem;
use serde_json::{Map, Value, json};

use super::json::malformed;
use super::strict::member;

/// A kind of document.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Reads a document of this kind.
    pub(super) read: fn(Value) -> Result<(), serde_json::Error>,
    /// The members that every document of this kind has, with values that are known to be right.
    pub(super) least: fn() -> Value,
}

/// Explains why the text, a JSON object, is no document of this kind.
pub(super) fn explain(text: &str, kind: Kind) -> Problem {
    let whole = |candidate: &Value| failure(kind, candidate.clone());
    let fault = serde_json::from_str(text).ok().and_then(|document: Value| find(kind, "", &document, &whole));
    fault.unwrap_or_default().into_problem()
}

/// A place, and what the reader said there.
#[derive(Default)]
struct Fault {
    path: String,
    reason: String,
}

/// What the reader says of a value at one place of an otherwise right document.
type Try<'a> = &'a dyn Fn(&Value) -> Option<String>;

/// Looks for the fault in `value`, which lies at `path`.
fn find(kind: Kind, path: &str, value: &Value, tried: Try) -> Option<Fault> {
    let reason = tried(value)?;
    let within = match value {
        Value::Object(members) => find_member(kind, path, members, tried),
        // Where even an empty list is wrong, the list is the fault, not its elements.
        Value::Array(elements) if tried(&json!([])).is_none() => elements
            .iter()
            .enumerate()
            .find_map(|(at, one)| find(kind, &format!("{path}[{at}]"), one, &|candidate| tried(&json!([candidate])))),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    // What fails only as a whole lacks something.
    Some(within.unwrap_or(Fault { path: path.to_owned(), reason }))
}

/// Looks for the fault in the members of the object at `path`.
fn find_member(kind: Kind, path: &str, members: &Map<String, Value>, tried: Try) -> Option<Fault> {
    let siblings = siblings(kind, path, members)?;
    members.iter().find_map(|(key, one)| {
        let alone = |candidate: &Value| {
            let mut object = siblings.clone();
            object.insert(key.clone(), candidate.clone());
            tried(&Value::Object(object))
        };
        let path = member(path, key);
        let unknown = format!("unknown field `{key}`");
        match alone(&Value::Null).filter(|reason| reason.starts_with(&unknown)) {
            Some(reason) => Some(Fault { path, reason }),
            None => find(kind, &path, one, &alone),
        }
    })
}

/// What the reader says about a whole document, if it is none of this kind.
fn failure(kind: Kind, document: Value) -> Option<String> {
    (kind.read)(document).err().map(|error| error.to_string())
}

/// The members that must stand beside each member of the object at `path`, so that only that one is tried. `None` when
/// the members cannot be judged one by one.
fn siblings(kind: Kind, path: &str, members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let siblings = match path {
        "" => (kind.least)(),
        "selection" => json!({ "scope": "all" }),
        // Which members are right depends on the tag, so it is the document's own; a wrong one fails by itself.
        "password" => {
            let source = members.get("source")?.as_str().filter(|word| *word == "shared");
            json!({ "source": source.unwrap_or("generated") })
        }
        _ => json!({}),
    };
    if let Value::Object(map) = siblings { Some(map) } else { None }
}

impl Fault {
    fn into_problem(self) -> Problem {
        let Self { path, reason } = self;
        let expected = expected(&reason);
        let (code, field, detail) = if reason.starts_with("unknown field ") {
            ("field.unknown", path, format!("there is no such field; expected {expected}"))
        } else if let Some(name) = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            ("field.missing", member(&path, name), "this field is needed".to_owned())
        } else {
            ("field.invalid", path, format!("the value does not fit; expected {expected}"))
        };
        Problem { field: (!field.is_empty()).then_some(field), ..malformed(code, detail) }
    }
}

/// What the reader expected. Its words repeat the value before the last `, expected `; what follows is the format's.
fn expected(reason: &str) -> &str {
    match reason.rsplit_once(", expected ").map(|(_, words)| words) {
        Some(words) if words.contains("struct ") || words.contains("enum ") => "an object",
        Some("string or map" | "variant identifier") => "one of the documented words",
        Some("a sequence") => "a list",
        Some("a map") => "an object",
        Some("a string") => "a text",
        Some("a boolean") => "true or false",
        Some("u32" | "u64") => "a whole number that is not negative",
        Some(words) => words,
        None => "another one",
    }
}
