//! What the demo shows at its end.

use std::path::{Path, PathBuf};

use anyhow::Result;
use keybell_shared::actor::Role;
use keybell_shared::codes::Code;
use keybell_shared::config::EmailSender;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{District, KeyLedger as _, NewKey};
use keybell_shared::states::{ItemState, TaskState};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::super::task::{legend, listed};
use crate::args::{Demo, Output};
use crate::configuration::outbox;
use crate::context::Context;
use crate::desk::Desk;
use crate::desk::shapes::{CodeCount, Moment};
use crate::outcome::Exit;
use crate::output::{complain, folded, say, say_json};
use crate::wiring::Backends;

/// The demo's one object for programs. `total` is the sum of `reset`, `skipped` and `failed`.
#[derive(Serialize)]
struct Summary {
    task: TaskId,
    state: TaskState,
    total: u64,
    reset: u64,
    notified: u64,
    unreachable: u64,
    skipped: u64,
    failed: u64,
    seconds: f64,
}

pub(super) async fn result(
    context: &Context,
    desk: &Desk,
    last: &Moment,
    seconds: f64,
    arguments: &Demo,
) -> Result<Exit> {
    let codes: Vec<CodeCount> = listed(&desk.get(&format!("/v1/tasks/{}/codes", last.task)).await?, "codes")?;
    let (reset, told) = (&last.progress.reset, &last.progress.notify);
    let unreachable = of(&codes, ItemState::Undelivered, Code::N02);
    let skipped = reset.skipped + reset.cancelled + reset.superseded;
    let done = matches!(last.state, TaskState::Completed | TaskState::CompletedWithErrors);
    let exit = if done && reset.failed == 0 && told.undelivered == unreachable { Exit::Done } else { Exit::Failed };
    if context.output == Output::Json {
        say_json(&Summary {
            task: last.task,
            state: last.state,
            total: last.progress.total,
            reset: reset.reset,
            notified: told.notified,
            unreachable,
            skipped,
            failed: reset.failed,
            seconds: (seconds * 10.0).round() / 10.0,
        })?;
        return Ok(exit);
    }
    say("");
    legend(&codes);
    let line = format!(
        "{} accounts: {} passwords changed ({} people told, {unreachable} not reachable), {skipped} left untouched, \
         {} failed; {seconds:.1} s",
        last.progress.total, reset.reset, told.notified, reset.failed,
    );
    say(&format!("\n{}", folded(&line)));
    let folder = outbox(&context.config, &context.config.email.folder);
    if context.config.email.sender == EmailSender::Folder
        && let Some(path) = newest(&folder, "eml")
    {
        mail(&path);
    }
    next(context, &folder, last.task, arguments);
    Ok(exit)
}

fn of(codes: &[CodeCount], state: ItemState, code: Code) -> u64 {
    codes
        .iter()
        .filter(|count| count.state == state && count.code.as_deref() == Some(code.as_str()))
        .map(|count| count.accounts)
        .sum()
}

/// The newest file of a kind.
fn newest(folder: &Path, extension: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
}

/// One mail as it lies in the outbox, so that everybody sees what people get.
fn mail(path: &Path) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    say(&format!("\nOne of the mails, {}:\n", path.display()));
    for line in text.lines() {
        say(&format!("  │ {line}"));
    }
}

fn next(context: &Context, outbox: &Path, task: TaskId, arguments: &Demo) {
    let keybell = program();
    say("\nWhat next:");
    if context.config.email.sender == EmailSender::Folder {
        say(&format!("  look at every message          ls {}", outbox.display()));
    }
    if !super::is_cluster(&context.config) {
        let folder = context.config.folder.display();
        let reached = format!("{keybell} --folder {folder} task show {task} --items undelivered");
        say(&format!("  see the people not reached     {reached}"));
        say(&format!("  import your own roster         {keybell} roster import PATH"));
    }
    if !arguments.serve {
        say(&format!("  try the API                    {keybell} demo --serve"));
    }
    if !arguments.cluster {
        say(&format!("  the same on RabbitMQ           {keybell} demo --cluster"));
    }
}

/// How this program was called, so that what is shown can be typed.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') { called } else { "keybell".to_owned() }
}

/// A key to try the API with.
pub(super) async fn api(context: &Context, backends: &Backends, district: &District) -> Result<()> {
    let (id, text, secret_hash) = keybell_api::keys::mint();
    // A name of its own each time: the demo may run often in one folder.
    let name = format!("demo {id}");
    let key =
        NewKey { id, district: district.id, name, role: Role::DistrictAdmin, person: None, secret_hash, made_by: None };
    backends.ledger.add_key(key).await?;
    let listen = context.config.http.listen;
    complain(&format!(
        "\nThe API runs on http://{listen} (Ctrl-C ends it). Try:\n  curl -H 'Authorization: Bearer {}' \
         http://{listen}/v1/tasks",
        text.expose_secret()
    ));
    Ok(())
}
