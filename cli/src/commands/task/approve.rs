//! `keybell task approve`.

use anyhow::Result;
use keybell_shared::states::TaskState;
use serde_json::json;

use super::{legend, listed, show};
use crate::args::{One, Output};
use crate::context::Context;
use crate::desk::shapes::{Controlled, Task};
use crate::desk::{Ask, Desk, read};
use crate::outcome::Exit;
use crate::output::{ask_or, complain, say, say_json};

pub(super) async fn run(context: Context, one: &One, digest: Option<String>) -> Result<Exit> {
    let desk = Desk::open(&context, one.district.district.as_deref()).await?;
    let digest = match digest {
        Some(digest) => digest,
        None => match seen(&desk, one).await? {
            Some(digest) => digest,
            None => return Ok(Exit::Declined),
        },
    };
    let path = format!("/v1/tasks/{}/approve", one.task);
    let answer = desk.ask(Ask::post(&path).with_json(&json!({"digest": digest}))?).await?;
    let Controlled { task, state, .. } = read(&answer)?;
    match context.output {
        Output::Json => say_json(&answer)?,
        Output::Text => say(&format!("task {task} is approved, and {state}")),
    }
    desk.close().await;
    Ok(Exit::Done)
}

/// Shows the task, and asks. The digest of what was shown, if the answer is yes.
async fn seen(desk: &Desk, one: &One) -> Result<Option<String>> {
    let id = one.task;
    let task: Task = read(&desk.get(&format!("/v1/tasks/{id}")).await?)?;
    let waits = task.state == TaskState::AwaitingApproval;
    let Some(digest) = task.digest.clone().filter(|_| waits) else {
        let state = task.state.as_str().replace('_', " ");
        return Err(Exit::Failed.because(format!("task {id} is {state}: it does not wait for an approval")));
    };
    show::head(&task);
    legend(&listed(&desk.get(&format!("/v1/tasks/{id}/codes")).await?, "codes")?);
    let question = format!("Approve it, so that {} passwords change?", task.progress.reset.pending);
    if ask_or(&question, &format!("--digest {digest}, once you have looked at its accounts")) {
        return Ok(Some(digest));
    }
    complain("nothing was changed");
    Ok(None)
}
