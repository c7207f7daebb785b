//! `keybell account`.

use anyhow::Result;
use serde_json::{Value, json};

use super::task::listed;
use crate::args::{Account, AccountOne, Manage, Output, Search};
use crate::context::Context;
use crate::desk::{Ask, Desk, query, shapes};
use crate::outcome::Exit;
use crate::output::table::{Cell, text, words};
use crate::output::{complain, say, say_json, say_table};

/// The largest page that a server gives.
const PAGE: u32 = 200;

pub(crate) async fn run(context: Context, arguments: Account) -> Result<Exit> {
    match arguments {
        Account::Search(search) => self::search(&context, *search).await,
        Account::Protect(one) => {
            let said = "is protected: no reset changes it unless that is confirmed";
            mark(&context, &one, &json!({"protected": true}), said).await
        }
        Account::Unprotect(one) => mark(&context, &one, &json!({"protected": false}), "is not protected").await,
        Account::Manage(Manage { one, by }) => {
            let said = format!("is managed by {by}: no reset changes it");
            mark(&context, &one, &json!({"managed_by": by}), &said).await
        }
        Account::Unmanage(one) => {
            let said = "is no longer said here to be managed by anybody else";
            mark(&context, &one, &json!({"managed_by": null}), said).await
        }
        Account::QuickLogin(one) => {
            let said = "has no password of its own: it is asked for one, but none is set";
            mark(&context, &one, &json!({"quick_login": true}), said).await
        }
        Account::NormalLogin(one) => {
            mark(&context, &one, &json!({"quick_login": false}), "signs in with a password").await
        }
    }
}

async fn search(context: &Context, search: Search) -> Result<Exit> {
    let desk = Desk::open(context, search.district.district.as_deref()).await?;
    let limit = (!search.all).then_some(search.limit);
    let filter = Value::from(search.narrowed.filter());
    let mut asked: Vec<(&str, String)> = Vec::new();
    if filter.as_object().is_some_and(|fields| !fields.is_empty()) {
        asked.push(("where", filter.to_string()));
    }
    asked.extend(search.q.map(|q| ("q", q)));
    let mut accounts: Vec<Value> = Vec::new();
    let mut next = search.after;
    loop {
        let have = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
        let rest = limit.map_or(PAGE, |limit| limit.saturating_sub(have)).min(PAGE);
        let mut page = asked.clone();
        page.push(("limit", rest.to_string()));
        page.extend(next.map(|cursor| ("after", cursor)));
        let page = desk.get(&query("/v1/accounts", &page)?).await?;
        let more: Vec<Value> = listed(&page, "accounts")?;
        accounts.extend(more);
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || limit.is_some_and(|limit| accounts.len() >= limit as usize) {
            break;
        }
    }
    desk.close().await;
    match context.output {
        Output::Json => say_json(&json!({"accounts": accounts, "next": next}))?,
        Output::Text if accounts.is_empty() => say("no such accounts"),
        Output::Text => {
            table(&listed(&Value::Array(accounts), "accounts")?);
            if let Some(next) = next {
                complain(&format!("there are more: --after {next}, or --all"));
            }
        }
    }
    Ok(Exit::Done)
}

/// Finds the account, changes it, and says `said` of it.
async fn mark(context: &Context, one: &AccountOne, change: &Value, said: &str) -> Result<Exit> {
    let desk = Desk::open(context, one.district.district.as_deref()).await?;
    let page = desk.get(&query("/v1/accounts", &[("account", one.name.clone())])?).await?;
    let found: Vec<shapes::Account> = listed(&page, "accounts")?;
    let Some(account) = found.first() else {
        desk.close().await;
        return Err(Exit::NotFound
            .because("no such account in the district; give its username, account id or roster id (not_found)"));
    };
    let marked = desk.ask(Ask::patch(&format!("/v1/accounts/{}", account.id)).with_json(change)?).await?;
    desk.close().await;
    match context.output {
        Output::Json => say_json(&marked)?,
        Output::Text => say(&format!("{} {said}", account.username)),
    }
    Ok(Exit::Done)
}

fn table(accounts: &[shapes::Account]) {
    let columns = [
        words("username"),
        text("name"),
        words("role"),
        words("grade").rank(1),
        text("school").rank(2),
        words("standing"),
        words("id").rank(3),
    ];
    let rows: Vec<Vec<Cell>> = accounts
        .iter()
        .map(|account| {
            let standing = match (account.active, account.protected) {
                (true, false) => "active",
                (true, true) => "protected",
                (false, _) => "inactive",
            };
            vec![
                account.username.as_str().into(),
                format!("{} {}", account.given_name, account.family_name).into(),
                account.role.as_str().into(),
                account.grade.as_deref().unwrap_or("-").into(),
                account.school.as_deref().unwrap_or("-").into(),
                standing.into(),
                account.id.to_string().into(),
            ]
        })
        .collect();
    say_table(&columns, &rows);
}
