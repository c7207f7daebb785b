//! `keybell task report`: the outcome of every account as a file.

use std::io::{IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::args::{Report, ReportFormat};
use crate::context::Context;
use crate::desk::{Ask, Body, Desk};
use crate::outcome::Exit;
use crate::output::complain;

pub(super) async fn run(context: Context, arguments: Report) -> Result<Exit> {
    let out = arguments.out.as_deref().filter(|path| *path != Path::new("-"));
    let format = arguments.format.unwrap_or_else(|| as_named(out));
    if format == ReportFormat::Xlsx && out.is_none() && std::io::stdout().is_terminal() {
        return Err(Exit::Usage.because("a workbook cannot be shown here; say where it is written with -o FILE"));
    }
    let desk = Desk::open(&context, arguments.one.district.district.as_deref()).await?;
    let what = if arguments.unreachable { "unreachable" } else { "report" };
    let state = arguments.state.map(|state| format!("?state={state}")).unwrap_or_default();
    let path = format!("/v1/tasks/{}/{what}.{}{state}", arguments.one.task, format.as_str());
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

fn as_named(out: Option<&Path>) -> ReportFormat {
    let xlsx = out.and_then(Path::extension).is_some_and(|end| end.eq_ignore_ascii_case("xlsx"));
    if xlsx { ReportFormat::Xlsx } else { ReportFormat::Csv }
}

/// Writes beside the file first, so that a broken download leaves no half report behind.
async fn into_file(body: Body, path: &Path) -> Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let place = || format!("{} cannot be written", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(place)?;
    let bytes = copy(body, &mut file).await?;
    file.flush().with_context(place)?;
    file.persist(path).map_err(|error| error.error).with_context(place)?;
    Ok(bytes)
}

async fn copy(mut body: Body, to: &mut (impl Write + ?Sized)) -> Result<u64> {
    let mut bytes = 0;
    while let Some(piece) = body.piece().await? {
        to.write_all(&piece).context("the report cannot be written")?;
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}
