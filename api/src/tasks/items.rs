//! `GET /v1/tasks/{id}/items?state=&after=&limit=`: a task's items in their order.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::ItemId;
use keybell_shared::ports::ledger::ItemFilter;
use keybell_shared::states::ItemState;
use serde::{Deserialize, Serialize};

use super::scope::{TaskPath, visible};
use super::view::Item;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    state: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// One page.
#[derive(Serialize)]
pub(crate) struct Page {
    items: Vec<Item>,
    /// The `after` of the next page; `null` on the last one.
    next: Option<String>,
}

/// Lists the items of a task that the caller sees.
pub(crate) async fn items(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<Page>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let cursors = List::Items(id.0);
    let after = asked.after.map(|cursor| page::read(cursors, "after", &cursor)).transpose()?.map(ItemId);
    let state = asked.state.as_deref().map(state).transpose()?;
    visible(&api, &actor, id).await?;
    let mut found = api.ledger.items(actor.district, id, ItemFilter { state, after }, size + 1).await?;
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| page::write(cursors, last.id.0));
    Ok(Json(Page { items: found.into_iter().map(Item::from).collect(), next }))
}

fn state(word: &str) -> Result<ItemState, Refusal> {
    word.parse().map_err(|_| {
        let words: Vec<_> = ItemState::ALL.iter().map(|state| state.as_str()).collect();
        Refusal::malformed("query.state", format!("`state` is one of {}", words.join(", "))).at("state")
    })
}
