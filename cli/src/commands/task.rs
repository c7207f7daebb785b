//! `keybell task`.

mod approve;
mod control;
mod items;
mod list;
mod reissue;
mod report;
mod resend;
mod show;

pub(super) use show::waiting;

use anyhow::{Context as _, Result};
use keybell_shared::states::ItemState;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::{Output, Task};
use crate::context::Context;
use crate::desk::shapes::{CodeCount, Item};
use crate::desk::{Desk, read};
use crate::live;
use crate::outcome::Exit;
use crate::output::colour::{self, FAINT};
use crate::output::table::{Cell, numbers, text, words};
use crate::output::{say_json, say_table};
use crate::stop::Stop;

pub(crate) async fn run(context: Context, arguments: Task) -> Result<Exit> {
    match arguments {
        Task::List { district, limit, before } => {
            let desk = Desk::open(&context, district.district.as_deref()).await?;
            list::run(desk, limit, before, context.output).await
        }
        Task::Show { one, items } => {
            let desk = Desk::open(&context, one.district.district.as_deref()).await?;
            show::run(desk, one.task, items, context.output).await
        }
        Task::Items { one, state, limit, all, after } => {
            let desk = Desk::open(&context, one.district.district.as_deref()).await?;
            let wanted = items::Wanted { state, limit: if all { None } else { Some(limit) }, after };
            items::run(desk, one.task, wanted, context.output).await
        }
        Task::Watch(one) => {
            let desk = Desk::open(&context, one.district.district.as_deref()).await?;
            watch(&context, desk, &one).await
        }
        Task::Approve { one, digest } => approve::run(context, &one, digest).await,
        Task::Pause(one) => control::run(context, &one, "pause").await,
        Task::Resume(one) => control::run(context, &one, "resume").await,
        Task::Cancel(one) => control::run(context, &one, "cancel").await,
        Task::Resend { one, chosen, detach } => resend::run(context, &one, &chosen, detach).await,
        Task::Reissue(arguments) => reissue::run(context, *arguments).await,
        Task::Report(arguments) => report::run(context, arguments).await,
    }
}

/// Where nobody else works, watching means working.
async fn watch(context: &Context, desk: Desk, one: &crate::args::One) -> Result<Exit> {
    let stop = Stop::on_signals()?;
    // A task that does not exist is said before any work begins.
    desk.get(&format!("/v1/tasks/{}", one.task)).await?;
    let work = desk.work(context, &stop)?;
    let last = live::follow(&desk, one.task, &stop.soft).await?;
    if let Some(work) = work {
        work.finish().await;
    }
    if context.output == Output::Json {
        say_json(&last)?;
    }
    desk.close().await;
    Ok(if last.is_well() { Exit::Done } else { Exit::Failed })
}

/// The entries of a list, in the answer itself or in this field of it.
pub(super) fn listed<T: DeserializeOwned>(answer: &Value, field: &str) -> Result<Vec<T>> {
    let entries = if answer.is_array() { Some(answer) } else { answer.get(field) };
    read(entries.with_context(|| format!("the answer has no `{field}`; is the server of another version?"))?)
}

/// The table of codes with their meaning.
pub(super) fn legend(codes: &[CodeCount]) {
    let columns = [words("state"), words("code"), numbers("accounts"), text("meaning")];
    let rows: Vec<Vec<Cell>> = codes
        .iter()
        .map(|count| {
            vec![
                state(count.state),
                count.code.as_deref().unwrap_or("-").into(),
                count.accounts.to_string().into(),
                count.meaning.as_deref().unwrap_or_default().into(),
            ]
        })
        .collect();
    say_table(&columns, &rows);
}

/// The table of a task's accounts.
fn accounts(items: &[Item]) {
    let columns = [
        words("username"),
        words("state"),
        words("code"),
        words("changed (UTC)").rank(1),
        numbers("item").rank(2),
        text("meaning").rank(3),
    ];
    let rows: Vec<Vec<Cell>> = items
        .iter()
        .map(|item| {
            vec![
                item.username.as_str().into(),
                state(item.state),
                item.code.as_deref().unwrap_or("-").into(),
                Cell::styled(when(&item.changed_at), FAINT),
                item.id.to_string().into(),
                item.meaning.as_deref().unwrap_or_default().into(),
            ]
        })
        .collect();
    say_table(&columns, &rows);
}

fn state(state: ItemState) -> Cell {
    Cell::styled(state.as_str(), colour::of_item(state))
}

/// A moment for people: `2026-11-22 01:05:08`.
pub(super) fn when(moment: &str) -> String {
    moment.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}
