//! Whatever the routes answer in any test must stand in the description: the status, and the code of a problem. And
//! the committed description must be the one that the code makes.

use std::sync::OnceLock;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::World;

/// The description, made once.
pub(super) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(crate::description)
}

/// Checks an answer; routes and methods that do not exist have no description.
pub(super) fn check(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
    let Some(operation) = operation(path).and_then(|item| item.get(&method)) else { return };
    let named = format!("{method} {path} answered {status} {}", body["code"]);
    let mut response = &operation["responses"][status.as_str()];
    assert!(response.is_object(), "{named}, which its description does not have");
    if let Some(reference) = response["$ref"].as_str() {
        response = document().pointer(reference.trim_start_matches('#')).expect("what is referred to");
    }
    if let (Some(code), Some(problem)) = (body["code"].as_str(), response["content"].get("application/problem+json")) {
        assert!(problem["examples"].get(code).is_some(), "{named}, a code that its description does not have");
    }
}

/// The path whose words are those of `path`; words in braces fit anything, and whole words go before them.
fn operation(path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object().expect("paths");
    let words: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        parts.len() == words.len()
            && parts.iter().zip(&words).all(|(part, word)| part == word || (part.starts_with('{') && !word.is_empty()))
    };
    paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))
}

/// Set `KEYBELL_BLESS=1` to write what the code makes to `api/openapi.json`.
#[test]
fn the_committed_description_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let made = serde_json::to_string_pretty(document()).expect("JSON") + "\n";
    if std::env::vars().any(|(name, value)| name == "KEYBELL_BLESS" && value == "1") {
        std::fs::write(path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    if made != committed {
        let line = made.lines().zip(committed.lines()).position(|(made, committed)| made != committed).unwrap_or(0);
        panic!(
            "api/openapi.json is not what the handlers say (first difference at line {}). Look at the difference; if \
             it is meant, run `KEYBELL_BLESS=1 cargo test -p keybell-api committed_description` and commit the file",
            line + 1
        );
    }
}

#[test]
fn every_operation_is_described_in_full() {
    let mut ids = Vec::new();
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let named = format!("{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap_or_else(|| panic!("{named}: no id")));
            for member in ["summary", "description"] {
                assert!(operation[member].as_str().is_some_and(|text| text.len() > 5), "{named}: no {member}");
            }
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(crate::openapi::TAGS.iter().any(|(name, _)| *name == tag), "{named}: the tag `{tag}`");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{named}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{named}: no good answer");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let about = parameter["description"].as_str().unwrap_or_default();
                assert!(!about.is_empty(), "{named}: a parameter without a description");
            }
            for (status, response) in responses {
                for code in
                    response["content"]["application/problem+json"]["examples"].as_object().into_iter().flatten()
                {
                    let known = crate::openapi::catalogue::meaning(code.0).is_some();
                    assert!(known, "{named} {status}: the code `{}` is not in the catalogue", code.0);
                }
            }
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an operation id stands twice");
    for (name, schema) in document()["components"]["schemas"].as_object().expect("schemas") {
        assert!(schema["description"].is_string(), "the schema {name} has no description");
        for (member, value) in schema["properties"].as_object().into_iter().flatten() {
            let described = value["description"].is_string() || !value["$ref"].is_null() || value["oneOf"].is_array();
            assert!(described, "the schema {name}: the member {member} has no description");
        }
    }
}

#[tokio::test]
async fn the_description_is_served_without_a_key() {
    let world = World::new();
    let answer = world.get("", "/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.body, document());
    assert_eq!(answer.body["openapi"], "3.1.0");
}
