//! `keybell task pause`, `resume` and `cancel`.

use anyhow::Result;

use crate::args::{One, Output};
use crate::context::Context;
use crate::desk::shapes::Controlled;
use crate::desk::{Ask, Desk, read};
use crate::outcome::Exit;
use crate::output::{complain, say, say_json};

pub(super) async fn run(context: Context, one: &One, action: &str) -> Result<Exit> {
    let desk = Desk::open(&context, one.district.district.as_deref()).await?;
    let answer = desk.ask(Ask::post(&format!("/v1/tasks/{}/{action}", one.task))).await?;
    let Controlled { task, state, held } = read(&answer)?;
    match context.output {
        Output::Json => say_json(&answer)?,
        Output::Text if held => {
            say(&format!("task {task} is {}; it will be paused when that is done", state.as_str().replace('_', " ")));
        }
        Output::Text => say(&format!("task {task} is {}", state.as_str().replace('_', " "))),
    }
    if desk.is_alone() && !state.is_final() && action != "pause" {
        complain(&format!("nobody works on it now: `keybell serve`, or `keybell task watch {task}`, goes on"));
    }
    desk.close().await;
    Ok(Exit::Done)
}
