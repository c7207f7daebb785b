//! `keybell task reissue`.

use anyhow::Result;

use super::resend::choice;
use crate::args::Reissue;
use crate::commands::confirm::Acknowledgement;
use crate::commands::request::{confirm, schedule, telling, written};
use crate::commands::reset::start;
use crate::context::Context;
use crate::desk::{Ask, Desk};
use crate::outcome::Exit;

pub(super) async fn run(context: Context, arguments: Reissue) -> Result<Exit> {
    let mut request = telling(&arguments.telling)?;
    request.extend(confirm(&arguments.exceptions));
    request.extend(schedule(&arguments.schedule));
    request.extend(choice(&arguments.chosen)?);
    let desk = Desk::open(&context, arguments.one.district.district.as_deref()).await?;
    desk.ready(&context)?;
    let acknowledged = Acknowledgement::of(&desk, &arguments.confirmed, false).await?;
    let task = arguments.one.task;
    // A task that does not exist is said before anybody is asked.
    desk.get(&format!("/v1/tasks/{task}")).await?;
    let whom = if request.contains_key("items") || request.contains_key("accounts") {
        "the chosen accounts"
    } else {
        "the accounts that failed or could not be told"
    };
    if !acknowledged.confirm(&format!("Reset {whom} of task {task} once more?")) {
        return Ok(Exit::Declined);
    }
    let body = written(request, acknowledged.version())?;
    let path = format!("/v1/tasks/{task}/reissue");
    start(context, desk, Ask::post(&path).with(body), arguments.key, arguments.detach).await
}
