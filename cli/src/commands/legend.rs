//! `keybell precautions` and `keybell codes`: texts that come with the program, or with the server.

use anyhow::Result;
use keybell_shared::codes::Code;
use keybell_shared::precautions::{TEXT, VERSION};
use serde::Deserialize;
use serde_json::{Value, json};

use super::task::listed;
use crate::args::Output;
use crate::context::Context;
use crate::desk::shapes::Precautions;
use crate::desk::{Desk, read};
use crate::outcome::Exit;
use crate::output::table::{Cell, text, words};
use crate::output::{folded, say, say_json, say_table};

#[derive(Deserialize)]
struct Meaning {
    code: String,
    meaning: String,
}

/// The precautions.
pub(crate) async fn precautions(context: Context) -> Result<Exit> {
    let answer = match &context.server {
        Some(_) => ask(&context, "/v1/precautions").await?,
        None => json!({"version": VERSION, "text": TEXT}),
    };
    if context.output == Output::Json {
        say_json(&answer)?;
        return Ok(Exit::Done);
    }
    let Precautions { version, text } = read(&answer)?;
    say(&folded(text.trim_end()));
    say(&format!("\nVersion {version}: whoever has read it says so with --acknowledge {version}."));
    Ok(Exit::Done)
}

/// The legend of codes.
pub(crate) async fn codes(context: Context) -> Result<Exit> {
    let answer = if context.server.is_some() {
        ask(&context, "/v1/codes").await?
    } else {
        let codes = Code::ALL.iter().map(|code| json!({"code": code.as_str(), "meaning": code.meaning()}));
        json!({"codes": codes.collect::<Vec<_>>()})
    };
    if context.output == Output::Json {
        say_json(&answer)?;
        return Ok(Exit::Done);
    }
    let codes: Vec<Meaning> = listed(&answer, "codes")?;
    let rows: Vec<Vec<Cell>> =
        codes.into_iter().map(|Meaning { code, meaning }| vec![code.into(), meaning.into()]).collect();
    say_table(&[words("code"), text("meaning")], &rows);
    Ok(Exit::Done)
}

async fn ask(context: &Context, path: &str) -> Result<Value> {
    Desk::open_any(context).await?.get(path).await
}
