//! `keybell producer`.

use anyhow::{Result, bail};
use keybell_shared::ports::ledger::{District, ProducerLedger as _, Quota, QuotaChange};
use serde_json::json;

use super::{console, district};
use crate::args::{Output, Producer};
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::{say, say_json, table};
use crate::wiring::{Backends, open_existing};

pub(crate) async fn run(context: Context, arguments: Producer) -> Result<Exit> {
    let backends = open_existing(&context.config).await?;
    match arguments {
        Producer::Allow { district: named, name, requests_per_hour, accounts_per_request } => {
            let district = district(&backends, named.district.as_deref()).await?;
            let change = QuotaChange { requests_per_hour, accounts_per_request };
            let quota = backends.ledger.allow_producer(&console(&district), &name, change).await?;
            match context.output {
                Output::Json => say_json(&json!({"name": name, "district": district.slug, "quota": quota}))?,
                Output::Text => say(&format!(
                    "the broker user `{name}` may publish requests for {}: {} an hour, {} accounts with each",
                    district.name,
                    quota.requests_per_hour,
                    accounts(quota)
                )),
            }
        }
        Producer::List { district: named } => {
            let district = district(&backends, named.district.as_deref()).await?;
            list(&backends, &district, context.output).await?;
        }
        Producer::Forbid { district: named, name } => {
            let district = district(&backends, named.district.as_deref()).await?;
            if !backends.ledger.forbid_producer(&console(&district), &name).await? {
                bail!("`{name}` is no producer of {}; `keybell producer list` shows them", district.name);
            }
            match context.output {
                Output::Json => say_json(&json!({"name": name, "district": district.slug, "forbidden": true}))?,
                Output::Text => say(&format!("the broker user `{name}` may not publish requests any more")),
            }
        }
    }
    backends.close().await;
    Ok(Exit::Done)
}

async fn list(backends: &Backends, district: &District, output: Output) -> Result<()> {
    let producers = backends.ledger.producers(district.id).await?;
    match output {
        Output::Json => say_json(&producers)?,
        Output::Text => {
            let rows: Vec<Vec<String>> = producers
                .iter()
                .map(|producer| {
                    vec![
                        producer.name.clone(),
                        producer.quota.requests_per_hour.to_string(),
                        producer.requests_last_hour.to_string(),
                        producer.quota.accounts_per_request.map_or_else(|| "any".to_owned(), |most| most.to_string()),
                        producer.created_at.rfc3339(),
                    ]
                })
                .collect();
            say(&table(&["name", "requests/hour", "last hour", "accounts/request", "allowed"], &rows));
        }
    }
    Ok(())
}

/// How many accounts one request may reset.
fn accounts(quota: Quota) -> String {
    quota.accounts_per_request.map_or_else(|| "any number of".to_owned(), |most| most.to_string())
}
