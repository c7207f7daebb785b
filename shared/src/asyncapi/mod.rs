//! The AMQP door as documents: AsyncAPI 3.0, and JSON Schemas (2020-12) of requests and events. Everything is made from
//! the types that the code itself reads and writes; `docs/asyncapi.json` and `docs/schemas/` are what comes out of it.

mod examples;
mod schemas;
mod text;

use serde_json::{Map, Value, json};

use crate::events::catalogue;
use schemas::{REQUEST, Schemas, event_name};

/// The AsyncAPI document, with the default prefix `keybell` in every name.
#[must_use]
pub fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Keybell by AMQP",
            "version": "1.0.0",
            "description": text::ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {
            "host": "broker.example.org:5671",
            "pathname": "/",
            "protocol": "amqps",
            "protocolVersion": "0.9.1",
            "description": "RabbitMQ 3.10 or later. Each application has a broker user of its own.",
            "security": [{"$ref": "#/components/securitySchemes/brokerUser"}],
        }},
        "channels": {"requests": requests(), "answers": answers(), "events": events()},
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": Schemas::of_all().at("#/components/schemas/"),
            "securitySchemes": {"brokerUser": {
                "type": "userPassword",
                "description": "The broker user is the producer. `keybell producer allow` binds it to a district.",
            }},
        },
    })
}

/// The JSON Schema of a request, as it may be published.
#[must_use]
pub fn request_schema() -> Value {
    let mut schema = schemas::root("urn:keybell:amqp:request:1", "A bulk reset, as applications publish it");
    schema.insert("$ref".to_owned(), json!(format!("#/$defs/{REQUEST}")));
    schema.insert("$defs".to_owned(), Schemas::of_request().at("#/$defs/"));
    Value::Object(schema)
}

/// The JSON Schema of an event, as applications hear it.
#[must_use]
pub fn event_schema() -> Value {
    let mut schema = schemas::root("urn:keybell:amqp:event:1", "An event of Keybell");
    let kinds: Vec<Value> =
        catalogue().iter().map(|kind| json!({"$ref": format!("#/$defs/{}", event_name(kind.kind))})).collect();
    schema.insert("oneOf".to_owned(), Value::Array(kinds));
    schema.insert("$defs".to_owned(), Schemas::of_events().at("#/$defs/"));
    Value::Object(schema)
}

fn exchange(name: &str, kind: &str) -> Value {
    json!({"amqp": {
        "is": "routingKey",
        "exchange": {"name": name, "type": kind, "durable": true, "autoDelete": false},
        "bindingVersion": "0.3.0",
    }})
}

fn requests() -> Value {
    json!({
        "address": "request",
        "title": "Requests",
        "description": text::REQUESTS,
        "messages": {"request": {"$ref": "#/components/messages/request"}},
        "bindings": exchange("keybell.requests", "direct"),
    })
}

/// The kinds whose messages go to a channel: answers to one producer, or events of a district.
fn kinds(answers: bool) -> impl Iterator<Item = &'static str> {
    catalogue().into_iter().map(|kind| kind.kind).filter(move |kind| kind.starts_with("request.") == answers)
}

fn references(answers: bool) -> Map<String, Value> {
    kinds(answers)
        .map(|kind| (event_name(kind), json!({"$ref": format!("#/components/messages/{}", event_name(kind))})))
        .collect()
}

fn district() -> Value {
    json!({"description": "The district's id. Bind with `*` if you do not want to write it down."})
}

fn answers() -> Value {
    json!({
        "address": "{district}.{kind}.{producer}",
        "title": "Answers to requests",
        "description": text::ANSWERS,
        "parameters": {
            "district": district(),
            "kind": {"enum": kinds(true).collect::<Vec<_>>(), "description": "What the answer is."},
            "producer": {"description": "The broker user that published the request."},
        },
        "messages": references(true),
        "bindings": exchange("keybell.events", "topic"),
    })
}

fn events() -> Value {
    json!({
        "address": "{district}.{kind}",
        "title": "Events of a district",
        "description": text::EVENTS,
        "parameters": {
            "district": district(),
            "kind": {"enum": kinds(false).collect::<Vec<_>>(), "description": "What happened."},
        },
        "messages": references(false),
        "bindings": exchange("keybell.events", "topic"),
    })
}

/// What Keybell does at each channel, in the words of AsyncAPI: applications do the opposite.
fn operations() -> Value {
    let on = |channel: &str, message: &str| json!({"$ref": format!("#/channels/{channel}/messages/{message}")});
    let all = |channel: &str, answers: bool| -> Vec<Value> {
        kinds(answers).map(|kind| on(channel, &event_name(kind))).collect()
    };
    let sent = json!({"amqp": {"deliveryMode": 2, "mandatory": false, "timestamp": true, "bindingVersion": "0.3.0"}});
    json!({
        "receiveRequest": {
            "action": "receive",
            "title": "Take a request",
            "summary": "Applications publish here; every request is answered.",
            "channel": {"$ref": "#/channels/requests"},
            "messages": [on("requests", "request")],
            "reply": {"channel": {"$ref": "#/channels/answers"}, "messages": all("answers", true)},
            "bindings": {"amqp": {"deliveryMode": 2, "mandatory": true, "ack": true, "bindingVersion": "0.3.0"}},
        },
        "sendAnswer": {
            "action": "send",
            "title": "Answer a request",
            "summary": "At least once, after the request or its refusal is committed.",
            "channel": {"$ref": "#/channels/answers"},
            "messages": all("answers", true),
            "bindings": sent,
        },
        "sendEvent": {
            "action": "send",
            "title": "Tell what happened",
            "summary": "At least once.",
            "channel": {"$ref": "#/channels/events"},
            "messages": all("events", false),
            "bindings": sent,
        },
    })
}

fn messages() -> Map<String, Value> {
    let request = json!({
        "name": "request",
        "title": "Request",
        "summary": "A bulk reset, as asked for.",
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/message_id", "description": "The answer repeats it."},
        "headers": schemas::request_properties(),
        "payload": {"$ref": format!("#/components/schemas/{REQUEST}")},
        "examples": examples::requests(),
    });
    let event = |kind: &crate::events::Kind| {
        let name = event_name(kind.kind);
        let mut message = json!({
            "name": kind.kind,
            "title": name,
            "summary": kind.summary,
            "contentType": "application/json",
            "headers": schemas::event_properties(kind.kind),
            "payload": {"$ref": format!("#/components/schemas/{name}")},
            "examples": examples::events(kind.kind),
        });
        if let Some(fields) = message.as_object_mut().filter(|_| kind.kind.starts_with("request.")) {
            let answers = json!({"location": "$message.header#/correlation_id", "description": "The `message_id` of the request."});
            fields.insert("correlationId".to_owned(), answers);
        }
        (name, message)
    };
    std::iter::once(("request".to_owned(), request)).chain(catalogue().iter().map(event)).collect()
}

#[cfg(test)]
mod tests;
