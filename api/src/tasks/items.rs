//! `GET /v1/tasks/{id}/items?state=&after=&limit=`: a task's items in their order.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::ports::ledger::ItemFilter;
use keybell_shared::states::ItemState;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::scope::{TaskPath, visible};
use super::view::Item;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only items in this state.
    #[param(value_type = ItemState, required = false, inline)]
    state: Option<String>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[0-9a-f]{24}$")]
    after: Option<String>,
    /// How many on a page: 1 to 200; more is brought down to 200.
    #[param(value_type = u64, required = false, minimum = 1, default = 50, example = 50)]
    limit: Option<String>,
}

/// One page.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemPage {
    /// In their order.
    items: Vec<Item>,
    /// The `after` of the next page; `null` on the last one.
    #[schema(required = true, pattern = "^[0-9a-f]{24}$")]
    next: Option<String>,
}

/// List a task's items.
///
/// One item for each account that the task means, in a fixed order, with the code that says why it stands where it
/// stands.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/items",
    operation_id = "listItems",
    tag = "Tasks",
    params(("id" = inline(TaskId), Path, description = "The task's id"), Asked),
    responses(
        (status = 200, description = "A page of items", body = ItemPage, example = json!({
            "items": [{
                "id": 4711, "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "username": "mjones", "state": "skipped",
                "code": "S03", "meaning": "skipped: the account is not active", "changed_at": "2026-11-02T08:00:03Z"
            }],
            "next": "00000000000012679f3a51c2"
        })),
        (status = 400, description = "query.limit query.cursor query.state"),
    ),
)]
pub(super) async fn items(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<ItemPage>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let cursors = List::Items(id.0);
    let after = asked.after.map(|cursor| page::read(cursors, "after", &cursor)).transpose()?.map(ItemId);
    let state = asked.state.as_deref().map(state).transpose()?;
    visible(&api, &actor, id).await?;
    let mut found = api.ledger.items(actor.district, id, ItemFilter { state, after, current: false }, size + 1).await?;
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| page::write(cursors, last.id.0));
    Ok(Json(ItemPage { items: found.into_iter().map(Item::from).collect(), next }))
}

/// The state that a word means.
pub(super) fn state(word: &str) -> Result<ItemState, Refusal> {
    word.parse().map_err(|_| {
        let words: Vec<_> = ItemState::ALL.iter().map(|state| state.as_str()).collect();
        Refusal::malformed("query.state", format!("`state` is one of {}", words.join(", "))).at("state")
    })
}
