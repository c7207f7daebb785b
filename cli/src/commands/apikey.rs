//! `keybell apikey`.

use anyhow::Result;
use serde_json::json;

use super::task::{listed, when};
use crate::args::{Apikey, Output};
use crate::context::Context;
use crate::desk::shapes::Key;
use crate::desk::{Ask, Desk};
use crate::outcome::Exit;
use crate::output::colour::FAINT;
use crate::output::table::{Cell, words};
use crate::output::{complain, say, say_json, say_table};

pub(crate) async fn run(context: Context, arguments: Apikey) -> Result<Exit> {
    match arguments {
        Apikey::Create { district, name, role, person } => {
            if role.needs_person() && person.is_none() {
                return Err(Exit::Usage
                    .because(format!("a {role} key needs --person: the username whose school or classes bound it")));
            }
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            let mut wanted = json!({"name": name, "role": role});
            if let (Some(person), Some(wanted)) = (person, wanted.as_object_mut()) {
                wanted.insert("person".to_owned(), person.into());
            }
            let made = desk.ask(Ask::post("/v1/keys").with_json(&wanted)?).await?;
            desk.close().await;
            match context.output {
                Output::Json => say_json(&made)?,
                Output::Text => {
                    complain("The key is shown once; keep it like a password:");
                    say(made.get("key").and_then(|key| key.as_str()).unwrap_or_default());
                }
            }
        }
        Apikey::List { district } => {
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            let keys = desk.get("/v1/keys").await?;
            desk.close().await;
            match context.output {
                Output::Json => say_json(&keys)?,
                Output::Text => list(&listed(&keys, "keys")?),
            }
        }
        Apikey::Revoke { district, id } => {
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            desk.ask(Ask::delete(&format!("/v1/keys/{id}"))).await?;
            desk.close().await;
            match context.output {
                Output::Json => say_json(&json!({"id": id, "revoked": true}))?,
                Output::Text => say(&format!("the key {id} is revoked")),
            }
        }
    }
    Ok(Exit::Done)
}

fn list(keys: &[Key]) {
    if keys.is_empty() {
        return say("no keys yet");
    }
    let columns = [
        words("id"),
        words("name").least(10),
        words("role"),
        words("person").least(10),
        words("revoked (UTC)").rank(1),
        words("made (UTC)").rank(2),
    ];
    let rows: Vec<Vec<Cell>> = keys
        .iter()
        .map(|key| {
            let revoked = key.revoked_at.as_deref().map_or_else(|| "-".to_owned(), when);
            vec![
                key.id.as_str().into(),
                key.name.as_str().into(),
                key.role.as_str().into(),
                key.person.as_deref().unwrap_or("-").into(),
                revoked.into(),
                Cell::styled(when(&key.created_at), FAINT),
            ]
        })
        .collect();
    say_table(&columns, &rows);
}
