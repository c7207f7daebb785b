//! The documents in `docs/` are those of the code; `KEYBELL_BLESS=1` writes them anew. That they are valid AsyncAPI and
//! that real messages obey them is tested in `tests/tests/cluster/amqp/documents.rs`.

use std::path::Path;

use super::*;
use crate::request::ResetRequest;

#[expect(clippy::disallowed_methods, reason = "whether a person wants new documents is no configuration of Keybell")]
fn same_as_in_docs(name: &str, now: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var("KEYBELL_BLESS").is_ok() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(&path, format!("{now:#}\n")).expect("written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let written: Value = serde_json::from_str(&text).unwrap_or_default();
    assert!(
        written == *now,
        "docs/{name} is not what the code says; look at the change and run again with KEYBELL_BLESS=1"
    );
}

#[test]
fn the_documents_are_those_of_the_code() {
    same_as_in_docs("asyncapi.json", &document());
    same_as_in_docs("schemas/request.schema.json", &request_schema());
    same_as_in_docs("schemas/event.schema.json", &event_schema());
}

#[test]
fn every_kind_of_event_has_an_example() {
    for kind in catalogue() {
        assert_eq!(examples::events(kind.kind).len(), 1, "{}", kind.kind);
    }
}

#[test]
fn the_examples_of_requests_are_requests() {
    for example in examples::requests().as_array().expect("a list") {
        let request: ResetRequest = serde_json::from_value(example["payload"].clone()).expect("a request");
        assert_eq!(request.acknowledgement.as_deref(), Some(crate::precautions::VERSION));
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if let Some(text) = value.as_str().filter(|_| key == "$ref") {
                        found.push(text);
                    }
                    references(value, found);
                }
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for document in [document(), request_schema(), event_schema()] {
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 5);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn the_request_by_amqp_has_no_shared_password_and_needs_an_acknowledgement() {
    let text = request_schema().to_string();
    assert!(!text.contains("\"shared\""), "{text}");
    let required = request_schema()["$defs"][REQUEST]["required"].clone();
    assert!(required.as_array().expect("a list").contains(&json!("acknowledgement")));
}
