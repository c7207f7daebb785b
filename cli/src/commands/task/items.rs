//! `keybell task items`.

use anyhow::Result;
use keybell_shared::ids::TaskId;
use keybell_shared::states::ItemState;
use serde_json::{Value, json};

use super::{accounts, listed};
use crate::args::Output;
use crate::desk::Desk;
use crate::outcome::Exit;
use crate::output::{complain, say, say_json};

/// The largest page that a server gives.
const PAGE: u32 = 200;

/// What is asked for.
pub(super) struct Wanted {
    pub(super) state: Option<ItemState>,
    /// How many; `None` for all.
    pub(super) limit: Option<u32>,
    pub(super) after: Option<String>,
}

pub(super) async fn run(desk: Desk, task: TaskId, wanted: Wanted, output: Output) -> Result<Exit> {
    let mut items: Vec<Value> = Vec::new();
    let mut next = wanted.after;
    let state = wanted.state.map(|state| format!("&state={state}")).unwrap_or_default();
    loop {
        let have = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let rest = wanted.limit.map_or(PAGE, |limit| limit.saturating_sub(have)).min(PAGE);
        let cursor = next.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let page = desk.get(&format!("/v1/tasks/{task}/items?limit={rest}{state}{cursor}")).await?;
        let more: Vec<Value> = listed(&page, "items")?;
        items.extend(more);
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || wanted.limit.is_some_and(|limit| items.len() >= limit as usize) {
            break;
        }
    }
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
