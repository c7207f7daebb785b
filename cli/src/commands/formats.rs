//! `keybell formats`: the shapes of generated passwords, as this program or the server draws them.

use anyhow::Result;
use keybell_shared::password::catalogue;
use serde::Deserialize;
use serde_json::json;

use super::task::listed;
use crate::args::{Formats, Output};
use crate::context::Context;
use crate::desk::Desk;
use crate::outcome::Exit;
use crate::output::table::{Cell, numbers, text, words};
use crate::output::{say, say_json, say_table};

#[derive(Deserialize)]
struct Row {
    format: String,
    example: String,
    bits: f64,
    meant_for: String,
}

pub(crate) async fn run(context: Context, asked: Formats) -> Result<Exit> {
    let Formats { policy, language } = asked;
    let answer = if context.server.is_some() {
        let path = format!("/v1/formats?policy={policy}&language={language}");
        Desk::open_any(&context).await?.get(&path).await?
    } else {
        json!({"formats": catalogue(Some(policy), Some(language))})
    };
    if context.output == Output::Json {
        say_json(&answer)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Row> = listed(&answer, "formats")?;
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| vec![row.format.into(), row.example.into(), format!("{:.1}", row.bits).into(), row.meant_for.into()])
        .collect();
    say_table(&[words("format"), words("example"), numbers("bits"), text("meant for")], &rows);
    say(&format!("\nUnder the policy {policy}, with words in the language {language}."));
    Ok(Exit::Done)
}
