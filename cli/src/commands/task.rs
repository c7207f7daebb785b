//! `keybell task`.

use anyhow::{Context as _, Result};
use keybell_scheduler::control::Control;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{ItemFilter, TaskLedger, TaskView};
use keybell_shared::states::{ItemState, TaskState};
use serde_json::json;
use std::sync::Arc;

use super::{console, district};
use crate::args::{Output, Task};
use crate::context::Context;
use crate::live;
use crate::outcome::Exit;
use crate::output::{say, say_json, table};
use crate::running::Everything;
use crate::stop::Stop;
use crate::wiring::{Backends, open};

pub(crate) async fn run(context: Context, arguments: Task) -> Result<Exit> {
    let backends = open(&context.config).await?;
    match arguments {
        Task::List { district: named, limit } => {
            let district = district(&backends, named.district.as_deref()).await?;
            list(&backends, district.id, limit, context.output).await
        }
        Task::Show { district: named, task, items } => {
            let district = district(&backends, named.district.as_deref()).await?;
            show(&backends, district.id, task, items, context.output).await
        }
        Task::Watch { district: named, task } => {
            let district = district(&backends, named.district.as_deref()).await?;
            watch(&context, backends, district.id, task).await
        }
        Task::Pause { district: named, task } => {
            let actor = console(&district(&backends, named.district.as_deref()).await?);
            told(task, control(&backends).pause(&actor, task).await?, context.output)
        }
        Task::Resume { district: named, task } => {
            let actor = console(&district(&backends, named.district.as_deref()).await?);
            told(task, control(&backends).resume(&actor, task).await?, context.output)
        }
        Task::Cancel { district: named, task } => {
            let actor = console(&district(&backends, named.district.as_deref()).await?);
            told(task, control(&backends).cancel(&actor, task).await?, context.output)
        }
    }
}

fn control(backends: &Backends) -> Control {
    Control::new(Arc::clone(&backends.ledger) as Arc<dyn TaskLedger>)
}

fn told(task: TaskId, state: TaskState, output: Output) -> Result<Exit> {
    match output {
        Output::Json => say_json(&json!({"task": task, "state": state}))?,
        Output::Text => say(&format!("task {task} is {state}")),
    }
    Ok(Exit::Done)
}

async fn list(backends: &Backends, district: DistrictId, limit: u32, output: Output) -> Result<Exit> {
    let tasks = backends.ledger.tasks(district, None, None, limit.clamp(1, 1_000)).await?;
    match output {
        Output::Json => say_json(&tasks)?,
        Output::Text => {
            let rows: Vec<Vec<String>> = tasks.iter().map(row).collect();
            say(&table(
                &["task", "state", "accepted", "by", "total", "reset", "told", "not told", "skipped", "failed"],
                &rows,
            ));
        }
    }
    Ok(Exit::Done)
}

fn row(task: &TaskView) -> Vec<String> {
    let counts = task.progress.counts;
    vec![
        task.id.to_string(),
        task.progress.state.to_string(),
        task.progress.accepted_at.rfc3339(),
        task.requester.clone(),
        counts.total().to_string(),
        counts.changed().to_string(),
        counts.notified.to_string(),
        counts.undelivered.to_string(),
        (counts.skipped + counts.cancelled + counts.superseded).to_string(),
        counts.failed.to_string(),
    ]
}

async fn show(
    backends: &Backends,
    district: DistrictId,
    task: TaskId,
    items: Option<ItemState>,
    output: Output,
) -> Result<Exit> {
    let view = backends
        .ledger
        .task(district, task)
        .await?
        .with_context(|| format!("there is no task {task} in this district"))?;
    let codes = backends.ledger.codes(district, task).await?;
    let listed = match items {
        Some(state) => {
            backends.ledger.items(district, task, ItemFilter { state: Some(state), after: None }, 1_000).await?
        }
        None => Vec::new(),
    };
    if output == Output::Json {
        say_json(&json!({"task": view, "codes": codes, "items": listed}))?;
        return Ok(Exit::Done);
    }
    say(&format!("task {task}: {}", view.progress.state));
    let finished = view.progress.finished_at.map_or_else(|| "-".to_owned(), Millis::rfc3339);
    say(&format!("accepted {} by {}, finished {finished}\n", view.progress.accepted_at.rfc3339(), view.requester));
    say(&legend(&codes));
    if !listed.is_empty() {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|item| {
                let code = item.code.map_or("-", Code::as_str).to_owned();
                vec![item.id.to_string(), item.username.clone(), item.state.to_string(), code]
            })
            .collect();
        say(&format!("\n{}", table(&["item", "username", "state", "code"], &rows)));
        if listed.len() == 1_000 {
            say("only the first 1000 are shown; the API pages through all");
        }
    }
    Ok(Exit::Done)
}

/// The table of codes with their meaning.
pub(crate) fn legend(codes: &[keybell_shared::ports::ledger::CodeCount]) -> String {
    let rows: Vec<Vec<String>> = codes
        .iter()
        .map(|count| {
            vec![
                count.state.to_string(),
                count.code.map_or("-", Code::as_str).to_owned(),
                count.items.to_string(),
                count.code.map_or("", Code::meaning).to_owned(),
            ]
        })
        .collect();
    table(&["state", "code", "accounts", "meaning"], &rows)
}

/// In embedded mode nobody else works, so watching means working.
async fn watch(context: &Context, backends: Backends, district: DistrictId, task: TaskId) -> Result<Exit> {
    let stop = Stop::on_signals()?;
    let everything = Everything::start_if_embedded(context, &backends, &stop)?;
    let last = live::follow(&backends, district, task, &stop.soft).await?;
    everything.finish().await;
    if context.output == Output::Json {
        say_json(&last)?;
    }
    backends.close().await;
    let wrong = !last.state.is_final() || last.counts.failed + last.counts.undelivered > 0;
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}
