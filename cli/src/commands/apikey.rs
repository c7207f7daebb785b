//! `keybell apikey`.

use anyhow::{Result, bail};
use keybell_shared::ids::ApiKeyId;
use keybell_shared::ports::ledger::{District, KeyFate, KeyLedger as _, NewKey};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::district;
use crate::args::{Apikey, Output};
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::{complain, say, say_json, table};
use crate::wiring::{Backends, open};

pub(crate) async fn run(context: Context, arguments: Apikey) -> Result<Exit> {
    let backends = open(&context.config).await?;
    let exit = match arguments {
        Apikey::Create { district: named, name, role, person } => {
            let district = district(&backends, named.district.as_deref()).await?;
            if role.needs_person() && person.is_none() {
                bail!("a {role} key needs --person: the username whose school or classes bound it");
            }
            let (id, text, secret_hash) = keybell_api::keys::mint();
            let key = NewKey { id, district: district.id, name, role, person: person.clone(), secret_hash };
            match backends.ledger.add_key(key).await? {
                KeyFate::Added => {}
                KeyFate::UnknownPerson => {
                    bail!("there is no account `{}` in {}", person.unwrap_or_default(), district.name)
                }
                KeyFate::NameTaken => {
                    bail!(
                        "another valid key has this name, and tasks belong to names; choose another, or revoke that key"
                    )
                }
            }
            match context.output {
                Output::Json => say_json(&json!({"id": id, "key": text.expose_secret(), "role": role}))?,
                Output::Text => {
                    complain("The key is shown once; keep it like a password:");
                    say(text.expose_secret());
                }
            }
            Exit::Done
        }
        Apikey::List { district: named } => {
            let district = district(&backends, named.district.as_deref()).await?;
            list(&backends, &district, context.output).await?
        }
        Apikey::Revoke { district: named, id } => {
            let district = district(&backends, named.district.as_deref()).await?;
            revoke(&backends, &district, id).await?
        }
    };
    backends.close().await;
    Ok(exit)
}

async fn list(backends: &Backends, district: &District, output: Output) -> Result<Exit> {
    let keys = backends.ledger.keys(district.id).await?;
    match output {
        Output::Json => say_json(&keys)?,
        Output::Text => {
            let rows: Vec<Vec<String>> = keys
                .iter()
                .map(|key| {
                    let revoked = key.revoked_at.map_or_else(|| "-".to_owned(), keybell_shared::clock::Millis::rfc3339);
                    vec![key.id.to_string(), key.name.clone(), key.role.to_string(), key.created_at.rfc3339(), revoked]
                })
                .collect();
            say(&table(&["id", "name", "role", "made", "revoked"], &rows));
        }
    }
    Ok(Exit::Done)
}

async fn revoke(backends: &Backends, district: &District, id: ApiKeyId) -> Result<Exit> {
    if backends.ledger.revoke_key(district.id, id).await? {
        say(&format!("the key {id} is revoked"));
        Ok(Exit::Done)
    } else {
        bail!("there is no key {id} in {} that could be revoked", district.name)
    }
}
