//! `keybell plan items`.

use anyhow::Result;
use keybell_shared::ids::PlanId;
use serde_json::{Value, json};

use crate::args::Output;
use crate::commands::pages;
use crate::commands::task::listed;
use crate::desk::Desk;
use crate::desk::shapes::PlannedAccount;
use crate::outcome::Exit;
use crate::output::table::{Cell, text, words};
use crate::output::{complain, say, say_json, say_table};

/// What is asked for.
pub(super) struct Wanted {
    pub(super) fate: Option<String>,
    /// How many; `None` for all.
    pub(super) limit: Option<u32>,
    pub(super) after: Option<String>,
}

pub(super) async fn run(desk: Desk, plan: PlanId, wanted: Wanted, output: Output) -> Result<Exit> {
    let fate = wanted.fate.map(|fate| format!("&fate={fate}")).unwrap_or_default();
    let (items, next) =
        pages::items(&desk, &format!("/v1/plans/{plan}/items"), &fate, wanted.limit, wanted.after).await?;
    desk.close().await;
    match output {
        Output::Json => say_json(&json!({"items": items, "next": next}))?,
        Output::Text if items.is_empty() => say("no accounts"),
        Output::Text => {
            let accounts: Vec<PlannedAccount> = listed(&Value::Array(items), "items")?;
            let rows: Vec<Vec<Cell>> = accounts.iter().map(row).collect();
            say_table(
                &[
                    words("username"),
                    words("name").least(8).rank(1),
                    words("fate"),
                    words("code"),
                    text("meaning").rank(2),
                ],
                &rows,
            );
            if let Some(next) = next {
                complain(&format!("there are more: --after {next}, or --all"));
            }
        }
    }
    Ok(Exit::Done)
}

fn row(account: &PlannedAccount) -> Vec<Cell> {
    vec![
        account.username.as_str().into(),
        format!("{} {}", account.given_name, account.family_name).into(),
        account.fate.as_str().into(),
        account.code.as_deref().unwrap_or("-").into(),
        account.meaning.as_deref().unwrap_or_default().into(),
    ]
}
