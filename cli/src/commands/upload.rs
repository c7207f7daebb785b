//! `keybell upload`: new passwords and usernames from a file.

mod file;
mod show;

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use self::file::File;
use super::confirm::Acknowledgement;
use super::download::{format, into_file};
use super::reset::{counted, start as follow};
use crate::args::{Export, Output, Start, Try, Upload};
use crate::context::Context;
use crate::desk::{Ask, Desk, query, read, shapes};
use crate::outcome::Exit;
use crate::output::{complain, say_json};

pub(crate) async fn run(context: Context, arguments: Upload) -> Result<Exit> {
    match arguments {
        Upload::Export(arguments) => export(&context, &arguments).await,
        Upload::Try(arguments) => tried(&context, &arguments).await,
        Upload::Start(arguments) => start(context, *arguments).await,
    }
}

async fn export(context: &Context, arguments: &Export) -> Result<Exit> {
    if arguments.out.exists() && !arguments.force {
        return Err(Exit::Usage.because(format!(
            "{} is there already, and may have been filled in; name another file, or replace it with --force",
            arguments.out.display()
        )));
    }
    let desk = Desk::open(context, arguments.district.district.as_deref()).await?;
    let filter = Value::from(arguments.narrowed.filter());
    let narrowed = filter.as_object().is_some_and(|fields| !fields.is_empty());
    let parameters: Vec<(&str, String)> = narrowed.then(|| ("where", filter.to_string())).into_iter().collect();
    let path = query(&format!("/v1/uploads/accounts.{}", format(Some(&arguments.out))), &parameters)?;
    let bytes = into_file(desk.download(Ask::get(&path)).await?, &arguments.out).await?;
    desk.close().await;
    complain(&format!("{} written, {bytes} bytes", arguments.out.display()));
    complain("fill in `New password` and, where it changes, `New username`; remove the rows of everybody else");
    complain(&format!("then try it out: keybell upload try {} --reason …", arguments.out.display()));
    Ok(Exit::Done)
}

async fn tried(context: &Context, arguments: &Try) -> Result<Exit> {
    let file = File::read(&arguments.file.path)?;
    if arguments.result.as_deref().is_some_and(|result| is_same(result, &arguments.file.path)) {
        return Err(Exit::Usage
            .because("--result would replace the file that is tried out, and has no passwords; name another one"));
    }
    let rules = file::rules(&arguments.file);
    let desk = Desk::open(context, arguments.file.district.district.as_deref()).await?;
    let answer = desk.ask(file.with(&query("/v1/uploads/trial", &rules)?)).await?;
    if let Some(out) = &arguments.result {
        let path = query(&format!("/v1/uploads/trial/result.{}", format(Some(out))), &rules)?;
        into_file(desk.download(file.with(&path)).await?, out).await?;
    }
    desk.close().await;
    let trial: shapes::Trial = read(&answer)?;
    match context.output {
        Output::Json => say_json(&answer)?,
        Output::Text => show::fully(&arguments.file.path, &trial),
    }
    if let Some(out) = &arguments.result {
        complain(&format!("every row with its status: {}", out.display()));
    }
    Ok(if trial.rows.errors == 0 { Exit::Done } else { Exit::Failed })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

async fn start(context: Context, arguments: Start) -> Result<Exit> {
    let file = File::read(&arguments.file.path)?;
    let mut parameters = file::rules(&arguments.file);
    let desk = Desk::open(&context, arguments.file.district.district.as_deref()).await?;
    desk.ready(&context)?;
    let acknowledged = Acknowledgement::of(&desk, &arguments.confirmed, false).await?;
    let trial: shapes::Trial = read(&desk.ask(file.with(&query("/v1/uploads/trial", &parameters)?)).await?)?;
    show::briefly(desk.place(), &arguments.file.path, &trial);
    if trial.rows.errors > 0 && !arguments.allow_partial {
        desk.close().await;
        return Err(Exit::Usage.because(format!(
            "{} with errors, so nothing was started: correct the file, or start the good rows with --allow-partial \
             (upload.rows_refused)",
            counted(trial.rows.errors, "row")
        )));
    }
    if !acknowledged.confirm(&format!("Set {} now?", counted(trial.rows.ok, "password"))) {
        return Ok(Exit::Declined);
    }
    parameters.push(("acknowledgement", acknowledged.version().to_owned()));
    parameters.push(("trial", arguments.trial.unwrap_or(trial.token)));
    if arguments.allow_partial {
        parameters.push(("allow_partial", "true".to_owned()));
    }
    parameters.extend(file::schedule(&arguments.schedule));
    let path = query("/v1/uploads", &parameters)?;
    follow(context, desk, file.with(&path), arguments.key, arguments.detach).await
}
