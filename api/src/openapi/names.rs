//! What the intake asks of every name and word of a request, said once for all of its schemas.

use serde_json::{Value, json};

/// Text without characters that cannot be printed.
const PRINTABLE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// The schemas with names or words of a request.
const SCHEMAS: [&str; 7] =
    ["ResetRequest", "Selection", "Where", "Reissuing", "Resending", "WebhookRequest", "KeyRequest"];

/// Single words of a request that have no rule of their own.
const WORDS: [&str; 3] = ["acknowledgement", "url", "person"];

/// Bounds the names in lists, and those words.
pub(super) fn bound(schemas: &mut Value) {
    for name in SCHEMAS {
        let members = schemas.get_mut(name).and_then(|schema| schema.get_mut("properties"));
        for (member, schema) in members.and_then(Value::as_object_mut).into_iter().flat_map(|all| all.iter_mut()) {
            if let Some(items) = schema.get_mut("items").filter(|items| items.get("type") == Some(&json!("string"))) {
                *items = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE });
            } else if WORDS.contains(&member.as_str())
                && let Some(word) = schema.as_object_mut()
            {
                word.insert("pattern".to_owned(), PRINTABLE.into());
            }
        }
    }
}
