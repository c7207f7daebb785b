//! The schemas: what the types say, put into the shape of each document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::events::{Kind, catalogue};
use crate::ports::events::Event;
use crate::request::ResetRequest;

/// The name of a request's schema.
pub(super) const REQUEST: &str = "ResetRequest";

/// Where the types put the schemas that they refer to.
const HOME: &str = "#/components/schemas/";

/// The name of the schema and message of a kind: `task.completed` is `TaskCompleted`.
pub(super) fn event_name(kind: &str) -> String {
    kind.split(['.', '_'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

/// The beginning of a JSON Schema.
pub(super) fn root(id: &str, title: &str) -> Map<String, Value> {
    let entries = [("$schema", "https://json-schema.org/draft/2020-12/schema"), ("$id", id), ("title", title)];
    entries.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
}

/// Schemas by name.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    pub(super) fn of_request() -> Self {
        let mut all = Self::default();
        let mut parts = Vec::new();
        ResetRequest::schemas(&mut parts);
        all.add(parts);
        all.insert(REQUEST.to_owned(), &ResetRequest::schema());
        all.narrow_to_amqp();
        all
    }

    pub(super) fn of_events() -> Self {
        let mut all = Self::default();
        let mut parts = Vec::new();
        Event::schemas(&mut parts);
        all.add(parts);
        for kind in catalogue() {
            let envelope = envelope(&kind);
            all.insert(facts_name(&kind), &kind.schema);
            all.add(kind.parts);
            all.0.insert(event_name(kind.kind), envelope);
        }
        all
    }

    pub(super) fn of_all() -> Self {
        let mut all = Self::of_request();
        all.0.extend(Self::of_events().0);
        all
    }

    fn add(&mut self, parts: Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in parts {
            self.insert(name, &schema);
        }
    }

    fn insert(&mut self, name: String, schema: &RefOr<Schema>) {
        // A schema is made of strings, numbers, lists and maps.
        self.0.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }

    /// What only this door asks for: an acknowledgement, and no shared password.
    fn narrow_to_amqp(&mut self) {
        if let Some(request) = self.0.get_mut(REQUEST) {
            let field = json!("acknowledgement");
            if let Some(kind) = request.pointer_mut("/properties/acknowledgement/type") {
                *kind = json!("string");
            }
            if let Some(required) = request.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|known| *known != field);
                required.push(field);
            }
        }
        let sources = self.0.get_mut("PasswordSource").and_then(|password| password.get_mut("oneOf"));
        if let Some(sources) = sources.and_then(Value::as_array_mut) {
            let shared = |source: &Value| {
                source.pointer("/properties/source").is_some_and(|tag| tag.to_string().contains("\"shared\""))
            };
            sources.retain(|source| !shared(source));
            for source in sources.iter_mut().filter_map(Value::as_object_mut) {
                source.insert("additionalProperties".to_owned(), json!(false));
            }
        }
    }

    /// The schemas as they refer to each other when they stand at `home`.
    pub(super) fn at(self, home: &str) -> Value {
        let mut all = Value::Object(self.0.into_iter().collect());
        move_references(&mut all, home);
        all
    }
}

fn facts_name(kind: &Kind) -> String {
    format!("{}Facts", kind.name)
}

/// An event of one kind: what every event has, with this kind's word and facts.
fn envelope(kind: &Kind) -> Value {
    let mut schema = serde_json::to_value(Event::schema()).unwrap_or_default();
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".to_owned(), json!(kind.summary));
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("kind".to_owned(), json!({"type": "string", "const": kind.kind}));
        properties.insert("body".to_owned(), json!({"$ref": format!("{HOME}{}", facts_name(kind))}));
    }
    schema
}

fn move_references(value: &mut Value, home: &str) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if let (true, Some(name)) = (key == "$ref", value.as_str().and_then(|text| text.strip_prefix(HOME))) {
                    *value = json!(format!("{home}{name}"));
                } else {
                    move_references(value, home);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| move_references(value, home)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The AMQP properties that a request needs.
pub(super) fn request_properties() -> Value {
    json!({
        "type": "object",
        "description": "AMQP properties of the message, not its application headers.",
        "required": ["message_id", "user_id", "content_type"],
        "properties": {
            "message_id": {
                "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$",
                "description": "Your own id of the request, such as a UUID. Sent again, it is the same task.",
            },
            "user_id": {"type": "string", "description": "Your own broker user; the broker checks it."},
            "content_type": {"type": "string", "const": "application/json"},
            "delivery_mode": {"type": "integer", "const": 2, "description": "Persistent."},
        },
    })
}

/// The AMQP properties that an event has.
pub(super) fn event_properties(kind: &str) -> Value {
    let mut properties = json!({
        "message_id": {"type": "string", "description": "The event's id, the same in every repetition."},
        "type": {"type": "string", "const": kind},
        "content_type": {"type": "string", "const": "application/json"},
        "timestamp": {"type": "integer", "description": "When, in seconds since 1970-01-01 UTC."},
        "delivery_mode": {"type": "integer", "const": 2},
    });
    if let Some(fields) = properties.as_object_mut().filter(|_| kind.starts_with("request.")) {
        let answers = "The `message_id` of the request; absent when it gave none.";
        fields.insert("correlation_id".to_owned(), json!({"type": "string", "description": answers}));
    }
    json!({
        "type": "object",
        "description": "AMQP properties of the message, not its application headers.",
        "required": ["message_id", "type", "content_type", "timestamp"],
        "properties": properties,
    })
}
