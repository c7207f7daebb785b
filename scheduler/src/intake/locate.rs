//! Finding the field that a typed reading stumbled over. Only called when it did.
//!
//! The reader of tagged objects (`password`) does not say where it failed, and its words repeat values. So each member
//! is tried alone within a minimal request that is known to be right: what fails alone is the culprit. This needs no
//! second list of the request's fields that could grow old.

use keybell_shared::problem::Problem;
use keybell_shared::request::ResetRequest;
use serde_json::{Map, Value, json};

use super::json::malformed;
use super::strict::member;

/// Explains why the text, a JSON object, is no request.
pub(super) fn explain(text: &str) -> Problem {
    let fault = serde_json::from_str(text).ok().and_then(|document: Value| find("", &document, &Clone::clone));
    fault.unwrap_or_default().into_problem()
}

/// A place, and what the reader said there.
#[derive(Default)]
struct Fault {
    path: String,
    reason: String,
}

/// Puts a value at one place of an otherwise right request.
type Embed<'a> = &'a dyn Fn(&Value) -> Value;

/// Looks for the fault in `value`, which lies at `path`.
fn find(path: &str, value: &Value, embed: Embed) -> Option<Fault> {
    let reason = failure(&embed(value))?;
    let within = match value {
        Value::Object(members) => find_member(path, members, embed),
        // Where even an empty list is wrong, the list is the fault, not its elements.
        Value::Array(elements) if failure(&embed(&json!([]))).is_none() => elements
            .iter()
            .enumerate()
            .find_map(|(at, one)| find(&format!("{path}[{at}]"), one, &|candidate| embed(&json!([candidate])))),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    // What fails only as a whole lacks something.
    Some(within.unwrap_or(Fault { path: path.to_owned(), reason }))
}

/// Looks for the fault in the members of the object at `path`.
fn find_member(path: &str, members: &Map<String, Value>, embed: Embed) -> Option<Fault> {
    let siblings = siblings(path, members)?;
    members.iter().find_map(|(key, one)| {
        let alone = |candidate: &Value| {
            let mut object = siblings.clone();
            object.insert(key.clone(), candidate.clone());
            embed(&Value::Object(object))
        };
        let path = member(path, key);
        let unknown = format!("unknown field `{key}`");
        match failure(&alone(&Value::Null)).filter(|reason| reason.starts_with(&unknown)) {
            Some(reason) => Some(Fault { path, reason }),
            None => find(&path, one, &alone),
        }
    })
}

/// What the reader says about a whole request, if it is none.
fn failure(document: &Value) -> Option<String> {
    serde_json::from_value::<ResetRequest>(document.clone()).err().map(|error| error.to_string())
}

/// The members that must stand beside each member of the object at `path`, so that only that one is tried. `None` when
/// the members cannot be judged one by one.
fn siblings(path: &str, members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let siblings = match path {
        "" => json!({ "selection": { "scope": "all" }, "reason": "other" }),
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
        Some(words) => words,
        None => "another one",
    }
}
