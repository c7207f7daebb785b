//! `keybell task show`.

use anyhow::Result;
use keybell_shared::ids::TaskId;
use keybell_shared::request::Unreachable;
use keybell_shared::states::{ItemState, TaskState};
use serde_json::json;

use super::{accounts, legend, listed, when};
use crate::args::Output;
use crate::desk::shapes::{Asked, Task, Waits};
use crate::desk::{Desk, read};
use crate::outcome::Exit;
use crate::output::colour::{self, paint};
use crate::output::{complain, folded, say, say_json};

pub(super) async fn run(desk: Desk, id: TaskId, items: Option<ItemState>, output: Output) -> Result<Exit> {
    let view = desk.get(&format!("/v1/tasks/{id}")).await?;
    let codes = desk.get(&format!("/v1/tasks/{id}/codes")).await?;
    let page = match items {
        Some(state) => desk.get(&format!("/v1/tasks/{id}/items?limit=200&state={state}")).await?,
        None => json!({"items": []}),
    };
    desk.close().await;
    if output == Output::Json {
        say_json(&json!({"task": view, "codes": codes.get("codes"), "items": page.get("items")}))?;
        return Ok(Exit::Done);
    }
    let task: Task = read(&view)?;
    head(&task);
    legend(&listed(&codes, "codes")?);
    let shown = listed(&page, "items")?;
    if !shown.is_empty() {
        say("");
        accounts(&shown);
    }
    if page.get("next").is_some_and(|next| !next.is_null()) {
        let state = items.map(ItemState::as_str).unwrap_or_default();
        complain(&format!(
            "these are the first {}; all of them: keybell task items {id} --state {state} --all",
            shown.len()
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn head(task: &Task) {
    let state = task.state.as_str().replace('_', " ");
    say(&format!("task {}: {}", task.id, paint(state, colour::of_task(task.state))));
    if task.held {
        say("held: it will be paused when it would begin");
    }
    if task.starts_at.is_some() {
        say(&starts(task));
    }
    if let Some(waits) = &task.waits {
        say(&waiting(waits));
    }
    if let Some(wave) = task.wave.as_ref().filter(|_| !task.state.is_final()) {
        say(&format!("wave {} of {}: {}", wave.current, wave.of, wave.label));
    }
    if let Some(reason) = &task.halted {
        say(&folded(&format!("halted: {reason}; to go on with the next wave: keybell task resume {}", task.id)));
    }
    if task.state == TaskState::AwaitingApproval {
        say(&format!("it waits for a second person: keybell task approve {}", task.id));
        say(&format!("digest of its accounts: {}", task.digest.as_deref().unwrap_or_default()));
    }
    if let Some(approved_by) = &task.approved_by {
        say(&format!("approved by {approved_by}"));
    }
    if let Some(plan) = &task.plan {
        say(&format!("started as plan {plan}"));
    }
    if let Some(parent) = task.parent {
        say(&format!("takes up accounts of task {parent}"));
    }
    let finished = task.finished_at.as_deref().map_or_else(|| "not yet".to_owned(), when);
    say(&format!("accepted {} by {}, ended {finished} (UTC)", when(&task.accepted_at), task.requester));
    let reset = &task.progress.reset;
    let told = &task.progress.notify;
    let open = reset.pending + told.waiting;
    let line = format!(
        "{} accounts, reason {}; {} passwords changed, {} people told, {open} still open",
        task.progress.total,
        task.reason.replace('_', " "),
        reset.reset,
        told.notified,
    );
    say(&folded(&line));
    let left = match task.request.unreachable {
        Unreachable::Reset => "",
        Unreachable::Skip => "; whoever could not be told was left untouched (S10)",
    };
    say(&format!("{}\n", folded(&format!("{}{left}", passwords(task)))));
}

/// When it begins, as it was asked.
fn starts(task: &Task) -> String {
    let utc = task.starts_at.as_deref().map(when).unwrap_or_default();
    let asked = task.request.start.as_ref().map(|start| match &start.zone {
        Some(zone) => format!(": {} ({zone})", start.at),
        None => format!(": {}", start.at),
    });
    format!("it begins {utc} (UTC){}", asked.unwrap_or_default())
}

/// What it waits for, and until when.
pub(in crate::commands) fn waiting(waits: &Waits) -> String {
    match &waits.reason {
        Some(reason) => format!("put off until {} (UTC) by a blackout window: {reason}", when(&waits.until)),
        None => format!("it waits for its start: no password changes before {} (UTC)", when(&waits.until)),
    }
}

/// Whether the new passwords are temporary, until when, and under which policy.
fn passwords(task: &Task) -> String {
    let Asked { policy, permanent_grades, clear_security_questions, .. } = &task.request;
    let mut line = match (task.temporary, task.expires_in_hours) {
        (Some(true), Some(hours)) => format!("temporary passwords, which expire {hours} hours after each reset"),
        (Some(false), _) => "permanent passwords".to_owned(),
        (Some(true) | None, _) => "temporary passwords".to_owned(),
    };
    if let Some(grades) = permanent_grades.as_ref().filter(|grades| !grades.is_empty()) {
        line = format!("{line}, but permanent ones in {}", grades.join(", "));
    }
    if !policy.is_empty() {
        line = format!("{line}; policy {policy}");
    }
    if *clear_security_questions {
        line.push_str("; security questions are cleared by the applications that keep some");
    }
    line
}
