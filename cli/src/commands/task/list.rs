//! `keybell task list`.

use anyhow::Result;
use keybell_shared::states::TaskState;
use serde_json::{Value, json};

use super::{listed, when};
use crate::args::Output;
use crate::desk::Desk;
use crate::desk::shapes::Task;
use crate::outcome::Exit;
use crate::output::colour::{self, FAINT};
use crate::output::table::{Cell, Column, numbers, words};
use crate::output::{complain, say, say_json, say_table};

/// The largest page that a server gives.
const PAGE: u32 = 200;

pub(super) async fn run(desk: Desk, limit: u32, before: Option<String>, output: Output) -> Result<Exit> {
    let mut tasks: Vec<Value> = Vec::new();
    let mut next = before;
    loop {
        let rest = limit - u32::try_from(tasks.len()).unwrap_or(limit).min(limit);
        let cursor = next.map(|cursor| format!("&before={cursor}")).unwrap_or_default();
        let page = desk.get(&format!("/v1/tasks?limit={}{cursor}", rest.min(PAGE))).await?;
        let more: Vec<Value> = listed(&page, "tasks")?;
        tasks.extend(more);
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || tasks.len() >= limit as usize {
            break;
        }
    }
    desk.close().await;
    match output {
        Output::Json => say_json(&json!({"tasks": tasks, "next": next}))?,
        Output::Text if tasks.is_empty() => say("no tasks yet"),
        Output::Text => {
            let rows: Vec<Vec<Cell>> = listed(&Value::Array(tasks), "tasks")?.iter().map(row).collect();
            say_table(&columns(), &rows);
            if let Some(next) = next {
                complain(&format!("there are more: --before {next}"));
            }
        }
    }
    Ok(Exit::Done)
}

fn columns() -> [Column; 13] {
    [
        words("task"),
        words("state").least(11),
        words("accepted (UTC)").rank(2),
        numbers("total"),
        numbers("told"),
        numbers("open").rank(1),
        numbers("not told").rank(3),
        numbers("failed").rank(4),
        numbers("skipped").rank(5),
        words("by").least(7).rank(6),
        numbers("silent").rank(7),
        numbers("superseded").rank(8),
        numbers("cancelled").rank(9),
    ]
}

fn row(task: &Task) -> Vec<Cell> {
    let (reset, told) = (&task.progress.reset, &task.progress.notify);
    let number = |n: u64| Cell::from(n.to_string());
    vec![
        task.id.to_string().into(),
        Cell::styled(state(task), colour::of_task(task.state)),
        Cell::styled(when(&task.accepted_at).chars().take(16).collect::<String>(), FAINT),
        number(task.progress.total),
        number(told.notified),
        number(reset.pending + told.waiting),
        number(told.undelivered),
        number(reset.failed),
        number(reset.skipped),
        task.requester.as_str().into(),
        number(told.silent),
        number(reset.superseded),
        number(reset.cancelled),
    ]
}

/// The state in words that are short enough for a list.
fn state(task: &Task) -> &'static str {
    if task.state == TaskState::Running
        && let Some(waits) = &task.waits
    {
        return if waits.reason.is_some() { "put off" } else { "scheduled" };
    }
    match task.state {
        TaskState::Paused if task.halted.is_some() => "halted",
        TaskState::CompletedWithErrors => "with errors",
        TaskState::Expanding if task.held => "held",
        TaskState::AwaitingApproval => "to approve",
        TaskState::Expanding
        | TaskState::Running
        | TaskState::Paused
        | TaskState::Cancelling
        | TaskState::Completed
        | TaskState::Cancelled
        | TaskState::Failed => task.state.as_str(),
    }
}
