//! `keybell task items`.

use anyhow::Result;
use keybell_shared::ids::TaskId;
use keybell_shared::states::ItemState;
use serde_json::{Value, json};

use super::{accounts, listed};
use crate::args::Output;
use crate::commands::pages;
use crate::desk::Desk;
use crate::outcome::Exit;
use crate::output::{complain, say, say_json};

/// What is asked for.
pub(super) struct Wanted {
    pub(super) state: Option<ItemState>,
    /// How many; `None` for all.
    pub(super) limit: Option<u32>,
    pub(super) after: Option<String>,
}

pub(super) async fn run(desk: Desk, task: TaskId, wanted: Wanted, output: Output) -> Result<Exit> {
    let state = wanted.state.map(|state| format!("&state={state}")).unwrap_or_default();
    let (items, next) =
        pages::items(&desk, &format!("/v1/tasks/{task}/items"), &state, wanted.limit, wanted.after).await?;
    desk.close().await;
    match output {
        Output::Json => say_json(&json!({"items": items, "next": next}))?,
        Output::Text if items.is_empty() => say("no accounts"),
        Output::Text => {
            accounts(&listed(&Value::Array(items), "items")?);
            if let Some(next) = next {
                complain(&format!("there are more: --after {next}, or --all"));
            }
        }
    }
    Ok(Exit::Done)
}
