//! `keybell reset`: says how many, asks, starts, and shows the way.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use keybell_scheduler::intake::{Intake, json};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Preview, TaskLedger as _};
use keybell_shared::problem::Problem;
use keybell_shared::request::ResetRequest;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::task::legend;
use super::{console, district};
use crate::args::{Output, Reset};
use crate::configuration::keys_folder;
use crate::context::Context;
use crate::keys::{KeyOwner, seal_key};
use crate::live;
use crate::outcome::Exit;
use crate::output::{ask, complain, say, say_json};
use crate::running::Everything;
use crate::stop::Stop;
use crate::wiring::{Backends, open};

pub(crate) async fn run(context: Context, arguments: Reset) -> Result<Exit> {
    let request = read_request(&arguments)?;
    let backends = open(&context.config).await?;
    let district = district(&backends, arguments.district.as_deref()).await?;
    let actor = console(&district);
    let reset_key = seal_key(&keys_folder(&context.config), KeyOwner::Reset).ok();
    let intake = Intake::new(Arc::clone(&backends.ledger) as _, reset_key);
    let preview = intake.preview(&actor, &request).await.map_err(|problem| explain(&problem))?;
    describe(&district.name, &preview);
    if !arguments.yes && !ask(&format!("Reset {} passwords now?", preview.eligible)) {
        complain("nothing was changed");
        return Ok(Exit::Declined);
    }
    let key = arguments.key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let submitted = intake.submit(&actor, request, &key).await.map_err(|problem| explain(&problem))?;
    complain(&format!(
        "task {}{}",
        submitted.task,
        if submitted.repeated { " (this key had started it before)" } else { "" }
    ));
    let embedded = context.config.mode == keybell_shared::config::RunMode::Embedded;
    if arguments.detach && !embedded {
        if context.output == Output::Json {
            say_json(&serde_json::json!({"task": submitted.task}))?;
        }
        return Ok(Exit::Done);
    }
    let stop = Stop::on_signals()?;
    let everything = Everything::start_if_embedded(&context, &backends, &stop)?;
    let last = live::follow(&backends, district.id, submitted.task, &stop.soft).await?;
    everything.finish().await;
    report(&context, &backends, district.id, submitted.task).await?;
    backends.close().await;
    if !last.state.is_final() {
        complain("stopped before the end; `keybell task watch` goes on");
    }
    let wrong = !last.state.is_final() || last.counts.failed + last.counts.undelivered > 0;
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

async fn report(
    context: &Context,
    backends: &Backends,
    district: keybell_shared::ids::DistrictId,
    task: TaskId,
) -> Result<()> {
    let codes = backends.ledger.codes(district, task).await?;
    match context.output {
        Output::Json => {
            let view = backends.ledger.task(district, task).await?;
            say_json(&serde_json::json!({"task": view, "codes": codes}))
        }
        Output::Text => {
            say(&format!("\n{}", legend(&codes)));
            Ok(())
        }
    }
}

fn describe(district: &str, preview: &Preview) {
    complain(&format!("{district}: {} accounts would be reset", preview.eligible));
    for (code, n) in &preview.skipped {
        complain(&format!("  {n:>6} {} {}", code.as_str(), code.meaning()));
    }
}

/// The request of a file, or of the flags. Both take the same way as a request by HTTP, so that every rule and every
/// message is the same.
fn read_request(arguments: &Reset) -> Result<ResetRequest> {
    if let Some(path) = &arguments.request {
        let bytes = Zeroizing::new(
            std::fs::read(path).with_context(|| format!("the request file {} cannot be read", path.display()))?,
        );
        return json::parse(&bytes)
            .map_err(|problem| explain(&problem))
            .with_context(|| format!("the request file {}", path.display()));
    }
    let bytes = Zeroizing::new(serde_json::to_vec(&from_flags(arguments)?)?);
    json::parse(&bytes).map_err(|problem| explain(&problem))
}

fn from_flags(arguments: &Reset) -> Result<Value> {
    let Some(scope) = &arguments.scope else {
        return Err(anyhow!(
            "say whose passwords: --scope all, all_except, without_role or selected (or --request FILE)"
        ));
    };
    let Some(reason) = &arguments.reason else {
        return Err(anyhow!(
            "say why: --reason start_of_year, new_starters, lost, suspected_compromise or other (it is kept in the audit)"
        ));
    };
    let mut accounts = arguments.account.clone();
    if let Some(path) = &arguments.accounts_file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the accounts file {} cannot be read", path.display()))?;
        accounts.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    let mut selection = Map::new();
    selection.insert("scope".to_owned(), scope.clone().into());
    put(&mut selection, "accounts", accounts);
    let mut narrowed = Map::new();
    put(&mut narrowed, "schools", arguments.school.clone());
    put(&mut narrowed, "classes", arguments.class.clone());
    put(&mut narrowed, "grades", arguments.grade.clone());
    put(&mut narrowed, "user_types", arguments.user_type.clone());
    if !narrowed.is_empty() {
        selection.insert("where".to_owned(), narrowed.into());
    }
    let mut request = Map::new();
    request.insert("selection".to_owned(), selection.into());
    request.insert("reason".to_owned(), reason.clone().into());
    request.insert("password".to_owned(), password(arguments)?);
    if arguments.permanent {
        request.insert("temporary".to_owned(), false.into());
    }
    if let Some(hours) = arguments.expires_in_hours {
        request.insert("expires_in_hours".to_owned(), hours.into());
    }
    for (field, value) in
        [("notify", &arguments.notify), ("channel", &arguments.channel), ("recipient", &arguments.recipient)]
    {
        if let Some(value) = value {
            request.insert(field.to_owned(), value.clone().into());
        }
    }
    Ok(request.into())
}

fn password(arguments: &Reset) -> Result<Value> {
    if let Some(path) = &arguments.shared_password_file {
        return Ok(serde_json::json!({
            "source": "shared", "value": first_line(path)?, "acknowledged": arguments.acknowledge_shared
        }));
    }
    let format = arguments.format.unwrap_or_default();
    Ok(serde_json::json!({"source": "generated", "format": format.as_str()}))
}

/// The password is the first line: a given password is never trimmed, but an editor's line end is not a part of it.
fn first_line(path: &Path) -> Result<String> {
    let text = Zeroizing::new(
        std::fs::read_to_string(path)
            .with_context(|| format!("the password file {} cannot be read", path.display()))?,
    );
    Ok(text.split(['\r', '\n']).next().unwrap_or_default().to_owned())
}

fn put(map: &mut Map<String, Value>, field: &str, values: Vec<String>) {
    if !values.is_empty() {
        map.insert(field.to_owned(), values.into());
    }
}

/// A problem in words, with its field and all its entries.
fn explain(problem: &Problem) -> anyhow::Error {
    let mut text = problem.detail.clone();
    if let Some(field) = &problem.field {
        text = format!("{field}: {text}");
    }
    for entry in &problem.entries {
        text.push_str("\n  ");
        text.push_str(entry);
    }
    anyhow!("{text} ({})", problem.code)
}
