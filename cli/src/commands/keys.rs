//! `keybell keys`.

use std::path::Path;

use anyhow::{Result, bail};
use keybell_shared::clock::Millis;
use keybell_shared::config::RunMode;
use keybell_shared::ports::ledger::KeyLedger as _;
use serde::Serialize;

use crate::args::{Keys, Output, Rotatable};
use crate::configuration::keys_folder;
use crate::context::Context;
use crate::keys::{KeyOwner, destroy, find, older, open_keys, read_webhook_key, rotate, seal_key};
use crate::outcome::Exit;
use crate::output::{ask, complain, say, say_json, table};
use crate::wiring::{is_missing, open_existing};

/// One key of the folder.
#[derive(Serialize)]
struct Listed {
    owner: &'static str,
    key: String,
    #[serde(rename = "use")]
    use_: &'static str,
    /// How many sealed passwords only this key opens; nothing when the ledger was not asked, or the key opens none.
    sealed: Option<u64>,
    until: Option<String>,
}

pub(crate) async fn run(context: Context, arguments: Keys) -> Result<Exit> {
    match arguments {
        Keys::Create => create(&context),
        Keys::List => list(&context).await,
        Keys::Rotate { owner } => turn(&context, owner),
        Keys::Retire { id, yes } => retire(&context, &id, yes).await,
    }
}

fn create(context: &Context) -> Result<Exit> {
    let folder = keys_folder(&context.config);
    let made = crate::keys::create(&folder)?;
    match context.output {
        Output::Json => say_json(&serde_json::json!({"folder": folder, "made": made}))?,
        Output::Text if made.is_empty() => say(&format!("{} has every key already", folder.display())),
        Output::Text => {
            say(&format!("made {}", made.join(", ")));
            say("Back the folder up, and keep it from everybody who may read the database: together they open every \
                 sealed password.");
        }
    }
    Ok(Exit::Done)
}

async fn list(context: &Context) -> Result<Exit> {
    let folder = keys_folder(&context.config);
    let mut listed = Vec::new();
    for owner in KeyOwner::ALL {
        listed.extend(halves(&folder, owner)?);
    }
    match open_existing(&context.config).await {
        Ok(backends) => {
            for key in &mut listed {
                key.sealed = Some(backends.ledger.sealed_with(&key.key).await?);
                key.until = backends.ledger.sealed_until(&key.key).await?.map(Millis::rfc3339);
            }
            backends.close().await;
        }
        // Neither keys nor a ledger: a misspelt folder.
        Err(error) if listed.is_empty() && is_missing(&context.config) => return Err(error),
        Err(error) => complain(&format!("what is sealed is not known: {error:#}")),
    }
    if let Some(key) = read_webhook_key(&folder)? {
        let (key, use_) = (key.id(), "signs webhooks");
        listed.push(Listed { owner: "webhooks", key, use_, sealed: None, until: None });
    }
    if context.output == Output::Json {
        say_json(&listed)?;
        return Ok(Exit::Done);
    }
    let dash = || "-".to_owned();
    let rows: Vec<Vec<String>> = listed
        .into_iter()
        .map(|key| {
            let sealed = key.sealed.map_or_else(dash, |sealed| sealed.to_string());
            vec![key.owner.to_owned(), key.key, key.use_.to_owned(), sealed, key.until.unwrap_or_else(dash)]
        })
        .collect();
    say(&table(&["owner", "key", "use", "sealed", "until"], &rows));
    Ok(Exit::Done)
}

/// The keys of one owner in this folder, today's first.
fn halves(folder: &Path, owner: KeyOwner) -> Result<Vec<Listed>> {
    let listed = |key: &str, use_| Listed { owner: owner.name(), key: key.to_owned(), use_, sealed: None, until: None };
    let sealing = seal_key(folder, owner).ok();
    let seals = |id: &str| sealing.as_ref().is_some_and(|key| key.id() == id);
    if !folder.join(format!("{}.key", owner.name())).exists() {
        // Those who only seal have no private half.
        return Ok(sealing.iter().map(|key| listed(key.id(), "seals; what opens is not here")).collect());
    }
    let keys = open_keys(folder, owner)?;
    let use_of = |id: &str| if seals(id) { "seals and opens" } else { "opens what was sealed before" };
    Ok(keys.iter().map(|key| listed(key.id(), use_of(key.id()))).collect())
}

fn turn(context: &Context, owner: Option<Rotatable>) -> Result<Exit> {
    let folder = keys_folder(&context.config);
    let owners = match owner {
        None => KeyOwner::ALL.to_vec(),
        Some(Rotatable::Notifier) => vec![KeyOwner::Notifier],
        Some(Rotatable::Reset) => vec![KeyOwner::Reset],
        Some(Rotatable::Webhooks) => {
            return Err(Exit::Usage.because(
                "the secrets of webhooks are changed one by one, the old one being valid for a while: `keybell webhook \
                 rotate ID`. If webhooks.key itself is no secret any more: move it away, `keybell keys create`, hand \
                 the new file to API and scheduler and restart them, then rotate each webhook; until then its messages \
                 wait",
            ));
        }
    };
    let rotated = owners.into_iter().map(|owner| rotate(&folder, owner)).collect::<Result<Vec<_>>>()?;
    if context.output == Output::Json {
        say_json(&rotated)?;
        return Ok(Exit::Done);
    }
    for pair in &rotated {
        say(&format!("{}: {} seals from now on; {} still opens what it sealed", pair.owner, pair.new, pair.old));
    }
    match context.config.mode {
        RunMode::Embedded => say("Restart `keybell serve`, if it runs: until then it seals with the old key."),
        RunMode::Cluster => say(
            "Now hand the files out: first every OWNER*.key to those who open, then OWNER.pub to those who seal; restart \
             those who seal.",
        ),
    }
    for pair in &rotated {
        say(&format!("When nothing is sealed with it any more: keybell keys retire {}", pair.old));
    }
    Ok(Exit::Done)
}

async fn retire(context: &Context, id: &str, yes: bool) -> Result<Exit> {
    let folder = keys_folder(&context.config);
    let Some((owner, path)) = find(&folder, id) else {
        let current = KeyOwner::ALL.iter().find(|owner| seal_key(&folder, **owner).is_ok_and(|key| key.id() == id));
        if let Some(owner) = current {
            bail!("{id} is the {0} key in use; `keybell keys rotate {0}` makes another one first", owner.name());
        }
        if read_webhook_key(&folder)?.is_some_and(|key| key.id() == id) {
            bail!("{id} signs webhooks; there is no old one of it to destroy");
        }
        let folder = folder.display();
        return Err(
            Exit::NotFound.because(format!("there is no old key {id} in {folder}; `keybell keys list` shows them"))
        );
    };
    if seal_key(&folder, owner).is_ok_and(|key| key.id() == id) {
        bail!("{id} still seals: its rotation was cut off; `keybell keys rotate {}` completes it", owner.name());
    }
    // In embedded mode this holds the folder: nobody else runs who could still seal with the old key.
    let backends = open_existing(&context.config).await?;
    let sealed = backends.ledger.sealed_with(id).await?;
    let until = backends.ledger.sealed_until(id).await?;
    if sealed > 0 {
        backends.close().await;
        let until = until.map_or_else(
            || "they belong to tasks that have not ended".to_owned(),
            |at| format!("the last of those of accounts expires at {}", at.rfc3339()),
        );
        bail!("{id} is still needed: {sealed} sealed passwords open with no other key; {until}. Nothing was destroyed");
    }
    let question = "Do all processes that seal (API, scheduler, reset workers) run with the new public half?";
    if context.config.mode == RunMode::Cluster && !yes && !ask(question) {
        backends.close().await;
        return Ok(Exit::Declined);
    }
    destroy(&path)?;
    backends.close().await;
    let older = older(&folder, owner)?.len();
    match context.output {
        Output::Json => say_json(&serde_json::json!({"owner": owner.name(), "retired": id, "older": older}))?,
        Output::Text => {
            say(&format!(
                "{} was overwritten and removed; {older} older {} keys are left",
                path.display(),
                owner.name()
            ));
            say(
                "A disk that moves blocks by itself (SSD, snapshots, copy on write) may keep what was there, and so do \
                 copies and backups of this folder: remove those, too.",
            );
        }
    }
    Ok(Exit::Done)
}
