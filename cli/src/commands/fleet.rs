//! `keybell fleet`: queues and workers.

use anyhow::Result;

use crate::args::Output;
use crate::context::Context;
use crate::desk::shapes::Fleet;
use crate::desk::{Desk, read};
use crate::outcome::Exit;
use crate::output::table::{Cell, numbers, words};
use crate::output::{complain, say_json, say_table};

pub(crate) async fn run(context: Context) -> Result<Exit> {
    // Queues and workers serve every district, so it does not matter which one asks.
    let desk = Desk::open_any(&context).await?;
    let answer = desk.get("/v1/fleet").await?;
    match context.output {
        Output::Json => say_json(&answer)?,
        Output::Text => {
            let fleet: Fleet = read(&answer)?;
            let columns = [words("stage"), numbers("waiting"), numbers("workers")];
            let rows: Vec<Vec<Cell>> = fleet
                .stages
                .iter()
                .map(|stage| {
                    let workers = stage.workers.map_or_else(|| "-".to_owned(), |workers| workers.to_string());
                    vec![stage.name.as_str().into(), stage.waiting.to_string().into(), workers.into()]
                })
                .collect();
            say_table(&columns, &rows);
            if desk.is_alone() {
                complain("\nnobody works in this folder now; `keybell serve` does, and --server asks it");
            }
        }
    }
    desk.close().await;
    Ok(Exit::Done)
}
