//! Finishes the generated document: what operations share is added here once, and codes are written out.

#![expect(clippy::indexing_slicing, reason = "the document is made here: what an index names is an object or nothing")]

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::OpenApi;

use super::catalogue::{groups, meaning};
use super::names;
use super::parts::Problem;
use crate::tasks::TaskEvent;

/// The codes of one operation, by status.
type Codes = BTreeMap<u16, Vec<String>>;

/// URI too long: the HTTP library says so by itself, before anything of ours is asked, and without a body.
const BARE: &str = "414";

/// What operations refer to, by name.
#[derive(Default)]
struct Shared {
    responses: Map<String, Value>,
    examples: Map<String, Value>,
}

/// The document as it is served.
pub(crate) fn complete(generated: &OpenApi) -> Value {
    // Its types are made to be serialised.
    let mut document = serde_json::to_value(generated).unwrap_or_default();
    let mut shared = Shared::default();
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for (path, item) in paths.iter_mut() {
            let Value::Object(operations) = item else { continue };
            for operation in operations.values_mut() {
                finish(path, operation, &mut shared);
            }
        }
    }
    let components = &mut document["components"];
    components["schemas"]["Problem"] = serde_json::to_value(Problem::schema()).unwrap_or_default();
    components["schemas"]["TaskEvent"] = serde_json::to_value(TaskEvent::schema()).unwrap_or_default();
    names::bound(&mut components["schemas"]);
    components["responses"] = Value::Object(shared.responses);
    components["examples"] = Value::Object(shared.examples);
    components["headers"] = headers();
    components["securitySchemes"] = json!({
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "kb_…",
            "description": "An API key: `kb_`, 32 and 64 hexadecimal digits. It is shown once, when it is made.",
        }
    });
    plain(&mut document);
    document
}

/// Finishes one operation.
fn finish(path: &str, operation: &mut Value, shared: &mut Shared) {
    let keyed = operation.get("security").is_none();
    if keyed {
        operation["security"] = json!([{ "key": [] }]);
    }
    let query = |parameter: &Value| parameter["in"] == "query";
    let asks = operation["parameters"].as_array().is_some_and(|all| all.iter().any(query));
    let file = operation["requestBody"]["content"].get("text/csv").is_some();
    let mut common = Codes::new();
    for (applies, group) in [
        (true, groups::ALWAYS),
        (keyed, groups::KEYED),
        (operation.get("requestBody").is_some() && !file, groups::BODY),
        (file, groups::FILE),
        (keyed && operation.get("requestBody").is_none(), groups::NO_BODY),
        (keyed || asks, groups::QUERY),
        (keyed && path.contains('{'), groups::PATH),
    ] {
        for (status, codes) in group.iter().filter(|_| applies) {
            common.entry(*status).or_default().extend(codes.split(' ').map(str::to_owned));
        }
    }
    parameters(operation);
    if let Some(body) = operation.get_mut("requestBody") {
        files(body);
    }
    let Some(Value::Object(responses)) = operation.get_mut("responses") else { return };
    let mut all = common.clone();
    for (status, response) in responses.iter_mut().filter(|(status, _)| *status != BARE) {
        for header in response["headers"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            never_null(&mut header["schema"]);
        }
        response["headers"]["X-Request-Id"] = reference("headers", "RequestId");
        bodies(response);
        let Some(status) = status.parse().ok().filter(|status| *status >= 400) else { continue };
        if response.get("content").is_none() {
            let own = response["description"].as_str().unwrap_or_default().split_whitespace();
            all.entry(status).or_default().extend(own.map(str::to_owned));
        }
    }
    for (status, mut codes) in all {
        codes.sort();
        codes.dedup();
        let key = status.to_string();
        if responses.get(&key).is_some_and(|given| given.get("content").is_some()) {
            continue;
        }
        // Where an operation has no code of its own, it shares the whole answer with others.
        let alone = !responses.contains_key(&key);
        let answer = response(status, &codes, shared);
        let answer = if alone && status != 400 {
            let name = canonical(status).replace(' ', "");
            shared.responses.insert(name.clone(), answer);
            reference("responses", &name)
        } else {
            answer
        };
        responses.insert(key, answer);
    }
}

/// Parameters as they are read from a head or a query.
fn parameters(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        never_null(&mut parameter["schema"]);
        // A number of any size is read; it is only brought into bounds.
        if let Some(schema) = parameter["schema"].as_object_mut()
            && schema.get("format").is_some_and(|format| format == "int64")
        {
            schema.remove("format");
        }
        if parameter["name"] == "where" {
            as_json(parameter, &reference("schemas", "Where"));
        }
    }
}

/// A parameter whose text is a JSON document, of which the generator knows nothing.
fn as_json(parameter: &mut Value, schema: &Value) {
    let Some(parameter) = parameter.as_object_mut() else { return };
    parameter.remove("schema");
    let example = parameter.remove("example").unwrap_or_default();
    let example: Value = example.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    parameter.insert("content".to_owned(), json!({ "application/json": { "schema": schema, "example": example } }));
}

/// Workbooks, of which the generator thinks as lists of numbers.
fn files(of: &mut Value) {
    for (media_type, content) in
        of.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.iter_mut())
    {
        if media_type.starts_with("application/vnd.") {
            content["schema"] = json!({ "type": "string", "format": "binary", "description": "A file." });
        }
    }
}

/// Files and streams, of which the generator knows nothing.
fn bodies(response: &mut Value) {
    files(response);
    if let Some(stream) = response.pointer_mut("/content/text~1event-stream") {
        // OpenAPI 3.1 has no words for the parts of a stream: this is each of its events.
        stream["example"] = json!({
            "id": "1-42",
            "event": "progress",
            "data": "{\"task\":\"019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11\",\"state\":\"running\",…}",
        });
        stream["schema"] = json!({
            "type": "object",
            "description": "Each event of the stream.",
            "required": ["id", "event", "data"],
            "properties": {
                "id": { "type": "string", "pattern": "^[0-9]+-[0-9]+$" },
                "event": { "type": "string", "const": "progress" },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": reference("schemas", "TaskEvent"),
                },
            },
        });
    }
}

/// A header or parameter that may be left out is never `null`.
fn never_null(schema: &mut Value) {
    if let Some([Value::String(kind), Value::String(null)]) = schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        schema["type"] = Value::String(kind.clone());
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn canonical(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

/// An error answer: its codes in words, and an example of each.
fn response(status: u16, codes: &[String], shared: &mut Shared) -> Value {
    let title = canonical(status);
    let lines: Vec<String> =
        codes.iter().map(|code| format!("- `{code}`: {}", meaning(code).unwrap_or_default())).collect();
    let examples: Map<String, Value> =
        codes.iter().map(|code| (code.clone(), reference("examples", &shared.example(status, code)))).collect();
    let mut headers = json!({ "X-Request-Id": reference("headers", "RequestId") });
    match status {
        401 => headers["WWW-Authenticate"] = reference("headers", "WwwAuthenticate"),
        429 | 503 => headers["Retry-After"] = reference("headers", "RetryAfter"),
        _ => {}
    }
    json!({
        "description": format!("{title}:\n\n{}", lines.join("\n")),
        "headers": headers,
        "content": {
            "application/problem+json": { "schema": reference("schemas", "Problem"), "examples": examples }
        },
    })
}

impl Shared {
    /// The name of the example of a code with a status.
    fn example(&mut self, status: u16, code: &str) -> String {
        let value = json!({
            "type": format!("urn:keybell:problem:{code}"),
            "title": canonical(status),
            "status": status,
            "code": code,
            "detail": meaning(code).unwrap_or_default(),
            "request_id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11",
        });
        let example = json!({ "summary": meaning(code).unwrap_or_default(), "value": value });
        // A code has one status, as a rule.
        let other = self.examples.get(code).is_some_and(|known| *known != example);
        let name = if other { format!("{code}-{status}") } else { code.to_owned() };
        self.examples.insert(name.clone(), example);
        name
    }
}

/// The headers that several answers have.
fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "The id of the request: the caller's own if it is a plain word, else a fresh one.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 64 },
            "required": true,
        },
        "RetryAfter": {
            "description": "After how many seconds the request may be repeated.",
            "schema": { "type": "integer", "minimum": 1 },
            "required": true,
        },
        "WwwAuthenticate": {
            "description": "How to authenticate.",
            "schema": { "type": "string", "const": "Bearer realm=\"keybell\"" },
            "required": true,
        },
    })
}

/// Descriptions are taken from the code's documentation: its links lead into the code and become plain words.
fn plain(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if let Value::String(text) = member
                    && (name == "description" || name == "summary")
                {
                    *text = unlinked(text);
                }
                plain(member);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `[words](crate::path)` and ``[`Name`]`` as plain words.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let Some((words, behind)) = after.split_once(']') else {
            out.push('[');
            rest = after;
            continue;
        };
        let target = behind.strip_prefix('(').and_then(|behind| behind.split_once(')'));
        match target.filter(|(target, _)| target.contains("::")) {
            Some((_, behind)) => {
                out.push_str(words);
                rest = behind;
            }
            None if words.starts_with('`') => {
                out.push_str(words);
                rest = behind;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_the_code_become_words() {
        for (text, plain) in [
            ("the [precautions](crate::precautions) first", "the precautions first"),
            ("as [`SHARED_LIMIT`] says", "as `SHARED_LIMIT` says"),
            ("a list [1, 2] and [a page](https://example.org)", "a list [1, 2] and [a page](https://example.org)"),
            ("[", "["),
        ] {
            assert_eq!(unlinked(text), plain);
        }
    }

    #[test]
    fn codes_stand_in_order_with_a_meaning() {
        let codes: Vec<_> = super::super::catalogue::CODES.iter().map(|(code, _)| *code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
    }
}
