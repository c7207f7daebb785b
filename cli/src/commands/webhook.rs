//! `keybell webhook`.

use anyhow::Result;
use serde_json::{Value, json};

use super::task::listed;
use crate::args::{Output, Webhook, WebhookOne};
use crate::context::Context;
use crate::desk::{Ask, Desk};
use crate::outcome::Exit;
use crate::output::colour::{CARE, GOOD};
use crate::output::table::{Cell, numbers, text, words};
use crate::output::{complain, say, say_json, say_table};

pub(crate) async fn run(context: Context, arguments: Webhook) -> Result<Exit> {
    let output = context.output;
    match arguments {
        Webhook::Add { district, url, events } => {
            let wanted = json!({"url": url, "events": events});
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            let made = desk.ask(Ask::post("/v1/webhooks").with_json(&wanted)?).await?;
            desk.close().await;
            secret(&made, output)
        }
        Webhook::List { district } => {
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            let answer = desk.get("/v1/webhooks").await?;
            desk.close().await;
            match output {
                Output::Json => say_json(&answer)?,
                Output::Text => list(&listed(&answer, "webhooks")?),
            }
            Ok(Exit::Done)
        }
        Webhook::Show(one) => show(&ask(&context, &one, Action::Show).await?, output),
        Webhook::Remove(one) => {
            ask(&context, &one, Action::Remove).await?;
            match output {
                Output::Json => say_json(&json!({"id": one.id, "removed": true}))?,
                Output::Text => say(&format!("the webhook {} is removed", one.id)),
            }
            Ok(Exit::Done)
        }
        Webhook::Rotate(one) => secret(&ask(&context, &one, Action::Post("rotate")).await?, output),
        Webhook::Enable(one) => show(&ask(&context, &one, Action::Post("enable")).await?, output),
        Webhook::Test(one) => {
            let answer = ask(&context, &one, Action::Post("test")).await?;
            match output {
                Output::Json => say_json(&answer)?,
                Output::Text => {
                    say(&format!("a test event is on its way; `keybell webhook show {}` says how it went", one.id));
                }
            }
            Ok(Exit::Done)
        }
    }
}

/// What is done with one webhook.
enum Action {
    Show,
    Remove,
    Post(&'static str),
}

async fn ask(context: &Context, one: &WebhookOne, action: Action) -> Result<Value> {
    let desk = Desk::open(context, one.district.district.as_deref()).await?;
    let path = format!("/v1/webhooks/{}", one.id);
    let answer = match action {
        Action::Show => desk.get(&path).await,
        Action::Remove => desk.ask(Ask::delete(&path)).await,
        Action::Post(what) => desk.ask(Ask::post(&format!("{path}/{what}"))).await,
    }?;
    desk.close().await;
    Ok(answer)
}

/// A new secret, which is shown this once; the secret alone on standard output.
fn secret(answer: &Value, output: Output) -> Result<Exit> {
    match output {
        Output::Json => say_json(answer)?,
        Output::Text => {
            complain(&format!("webhook {}", word(answer, "id")));
            complain("The secret that signs its messages is shown once; keep it like a password:");
            say(word(answer, "secret"));
        }
    }
    Ok(Exit::Done)
}

fn show(answer: &Value, output: Output) -> Result<Exit> {
    if output == Output::Json {
        say_json(answer)?;
        return Ok(Exit::Done);
    }
    let fields = answer.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let rows: Vec<Vec<Cell>> =
        fields.map(|(field, value)| vec![field.replace('_', " ").into(), plain(value).into()]).collect();
    say_table(&[words("what"), text("value")], &rows);
    Ok(Exit::Done)
}

fn list(webhooks: &[Value]) {
    if webhooks.is_empty() {
        return say("no webhooks yet");
    }
    let columns = [
        words("id"),
        words("state"),
        numbers("waiting").rank(3),
        words("events").least(10).rank(2),
        text("url").rank(1),
    ];
    let rows: Vec<Vec<Cell>> = webhooks
        .iter()
        .map(|webhook| {
            let state = word(webhook, "state");
            let style = if state == "active" { GOOD } else { CARE };
            vec![
                word(webhook, "id").into(),
                Cell::styled(state, style),
                webhook.get("waiting").map(plain).unwrap_or_default().into(),
                webhook.get("events").map(plain).unwrap_or_default().into(),
                word(webhook, "url").into(),
            ]
        })
        .collect();
    say_table(&columns, &rows);
}

fn word<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A value for people: a list as its entries.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
