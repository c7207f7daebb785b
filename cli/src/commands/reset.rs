//! `keybell reset`: says how many, shows the precautions, asks, starts, and shows the way.

use anyhow::Result;
use keybell_shared::ids::TaskId;
use keybell_shared::states::TaskState;
use serde_json::json;

use super::confirm::Acknowledgement;
use super::task::{legend, listed, waiting};
use super::{plan, request};
use crate::args::{Apply, Asked, District, OnePlan, Output, Reset};
use crate::context::Context;
use crate::desk::shapes::{Accepted, Preview, Skipped, Task, Waits};
use crate::desk::{Ask, Desk, read};
use crate::live;
use crate::outcome::Exit;
use crate::output::{complain, say, say_json};
use crate::stop::Stop;

pub(crate) async fn run(context: Context, arguments: Reset) -> Result<Exit> {
    if let Some(plan) = arguments.plan {
        let Asked { district, telling, .. } = arguments.asked;
        return plan::apply(
            context,
            Apply {
                one: OnePlan { district: District { district }, plan },
                shared_password_file: telling.shared_password_file,
                acknowledge_shared: telling.acknowledge_shared,
                key: arguments.key,
                confirmed: arguments.confirmed,
                detach: arguments.detach,
            },
        )
        .await;
    }
    let asked = &arguments.asked;
    if asked.request.is_some() && arguments.confirmed.acknowledge.is_some() {
        return Err(
            Exit::Usage.because("--acknowledge does not go with --request: the file says which version was read")
        );
    }
    // What is wrong with the flags is said before anything is opened.
    drop(request::body(asked, "")?);
    let desk = Desk::open(&context, asked.district.as_deref()).await?;
    desk.ready(&context)?;
    let acknowledged = Acknowledgement::of(&desk, &arguments.confirmed, asked.request.is_some()).await?;
    let body = request::body(asked, acknowledged.version())?;
    let preview: Preview = read(&desk.ask(Ask::post("/v1/tasks/preview").with(body.clone())).await?)?;
    describe(desk.place(), &preview);
    if !acknowledged.confirm(&question(&preview)) {
        return Ok(Exit::Declined);
    }
    start(context, desk, Ask::post("/v1/tasks").with(body), arguments.key, arguments.detach).await
}

/// Starts a task, and follows it unless nobody wants to wait.
pub(super) async fn start(
    context: Context,
    desk: Desk,
    ask: Ask<'_>,
    key: Option<String>,
    detach: bool,
) -> Result<Exit> {
    desk.ready(&context)?;
    let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let (answer, replayed) = desk.submit(ask.keyed(&key)).await?;
    let Accepted { task } = read(&answer)?;
    complain(&format!("task {task}{}", if replayed { " (this key had started it before)" } else { "" }));
    let waits = if detach { None } else { waits(&desk, task).await? };
    if let Some(waits) = &waits {
        complain(&waiting(waits));
        complain(&format!("`keybell task watch {task}` follows it"));
    }
    if detach || waits.is_some() {
        if context.output == Output::Json {
            say_json(&answer)?;
        }
        if desk.is_alone() {
            complain("nobody works on it yet: `keybell serve`, or `keybell task watch` with this id, goes on");
        }
        desk.close().await;
        return Ok(Exit::Done);
    }
    finish(context, desk, task).await
}

/// What a task waits for that nobody wants to wait for.
async fn waits(desk: &Desk, task: TaskId) -> Result<Option<Waits>> {
    let task: Task = read(&desk.get(&format!("/v1/tasks/{task}")).await?)?;
    Ok(task.waits)
}

/// Follows a task to its end, and shows what became of everybody.
pub(super) async fn finish(context: Context, desk: Desk, task: TaskId) -> Result<Exit> {
    let stop = Stop::on_signals()?;
    let work = desk.work(&context, &stop)?;
    let last = live::follow(&desk, task, &stop.soft).await?;
    if let Some(work) = work {
        work.finish().await;
    }
    let codes = desk.get(&format!("/v1/tasks/{task}/codes")).await?;
    match context.output {
        Output::Json => {
            let view = desk.get(&format!("/v1/tasks/{task}")).await?;
            say_json(&json!({"task": view, "codes": codes.get("codes")}))?;
        }
        Output::Text => {
            say("");
            legend(&listed(&codes, "codes")?);
        }
    }
    if last.state == TaskState::AwaitingApproval {
        complain(&format!(
            "it waits for a second person: another administrator approves it with\n  keybell task approve {task}"
        ));
    } else if !last.state.is_final() {
        complain(&format!("stopped before the end; `keybell task watch {task}` goes on"));
    }
    desk.close().await;
    Ok(if last.is_well() { Exit::Done } else { Exit::Failed })
}

/// A number with its thing, in the singular or the plural.
pub(super) fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// What whoever starts the task is asked.
fn question(preview: &Preview) -> String {
    if preview.mode.sets_password() {
        format!("Reset {} now?", counted(preview.eligible, "password"))
    } else {
        format!("Ask for {} now?", counted(preview.eligible, "new password"))
    }
}

fn describe(place: &str, preview: &Preview) {
    let accounts = counted(preview.eligible, "account");
    let what = if preview.mode.sets_password() { "reset" } else { "asked to choose a new password" };
    complain(&format!("{place}: {accounts} would be {what}"));
    if !preview.effect.is_empty() {
        complain(&format!("for each of them: {}", preview.effect));
    }
    reasons(&preview.skipped);
}

/// How many accounts are left as they are, and why.
pub(super) fn reasons(skipped: &[Skipped]) {
    for Skipped { code, meaning, accounts } in skipped {
        complain(&format!("  {accounts:>6} {code} {meaning}"));
    }
}
