//! `keybell task resend`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::args::{Chosen, One, Output};
use crate::commands::request::named;
use crate::commands::reset::{finish, reasons};
use crate::context::Context;
use crate::desk::shapes::Resent;
use crate::desk::{Ask, Desk, read};
use crate::outcome::Exit;
use crate::output::{complain, say, say_json};

pub(super) async fn run(context: Context, one: &One, chosen: &Chosen, detach: bool) -> Result<Exit> {
    let body = Value::from_iter(choice(chosen)?);
    let desk = Desk::open(&context, one.district.district.as_deref()).await?;
    desk.ready(&context)?;
    let path = format!("/v1/tasks/{}/resend", one.task);
    let answer = desk.ask(Ask::post(&path).with_json(&body)?).await?;
    let Resent { task, state, again, left } = read(&answer)?;
    let words = format!("{again} accounts of task {task} are told again");
    let wait = !detach && again > 0 && !state.is_final();
    match context.output {
        Output::Json if !wait => say_json(&answer)?,
        Output::Json => {}
        Output::Text if wait => complain(&words),
        Output::Text => say(&words),
    }
    if context.output == Output::Text {
        reasons(&left);
    }
    if wait {
        return finish(context, desk, task).await;
    }
    if desk.is_alone() && again > 0 {
        complain(&format!("nobody works on it now: `keybell serve`, or `keybell task watch {task}`, goes on"));
    }
    desk.close().await;
    Ok(Exit::Done)
}

/// Which accounts; nothing where nothing was said, so that the rule of the API holds.
pub(super) fn choice(chosen: &Chosen) -> Result<Option<(String, Value)>> {
    let accounts = named(&chosen.account, chosen.accounts_file.as_deref())?;
    Ok(if !accounts.is_empty() {
        Some(("accounts".to_owned(), json!(accounts)))
    } else if chosen.items.is_empty() {
        None
    } else {
        Some(("items".to_owned(), json!(chosen.items)))
    })
}
