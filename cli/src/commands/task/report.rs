//! `keybell task report`: the outcome of every account as a file.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::Result;

use crate::args::{Report, ReportFormat};
use crate::commands::download::{copy, format as as_named, into_file};
use crate::context::Context;
use crate::desk::{Ask, Desk};
use crate::outcome::Exit;
use crate::output::complain;

pub(super) async fn run(context: Context, arguments: Report) -> Result<Exit> {
    let out = arguments.out.as_deref().filter(|path| *path != Path::new("-"));
    let format = arguments.format.map_or_else(|| as_named(out), ReportFormat::as_str);
    if format == "xlsx" && out.is_none() && std::io::stdout().is_terminal() {
        return Err(Exit::Usage.because("a workbook cannot be shown here; say where it is written with -o FILE"));
    }
    let desk = Desk::open(&context, arguments.one.district.district.as_deref()).await?;
    let what = if arguments.unreachable { "unreachable" } else { "report" };
    let state = arguments.state.map(|state| format!("?state={state}")).unwrap_or_default();
    let path = format!("/v1/tasks/{}/{what}.{}{state}", arguments.one.task, format);
    let body = desk.download(Ask::get(&path)).await?;
    match out {
        Some(path) => {
            let bytes = into_file(body, path).await?;
            complain(&format!("{} written, {bytes} bytes", path.display()));
        }
        None => match copy(body, &mut std::io::stdout()).await {
            // Whoever has read enough goes away; that is no error.
            Err(error) if is_gone(&error) => {}
            other => drop(other?),
        },
    }
    desk.close().await;
    Ok(Exit::Done)
}

fn is_gone(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
