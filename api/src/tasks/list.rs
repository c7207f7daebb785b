//! `GET /v1/tasks?limit=&before=`: the tasks, the newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::scope::only_of;
use super::view::Task;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    limit: Option<String>,
    before: Option<String>,
}

/// One page.
#[derive(Serialize)]
pub(crate) struct Page {
    tasks: Vec<Task>,
    /// The `before` of the next page; `null` on the last one.
    next: Option<String>,
}

/// Lists the tasks that the caller sees.
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<Page>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let cursors = List::Tasks(actor.district.0);
    let before = asked.before.map(|cursor| page::read(cursors, "before", &cursor)).transpose()?;
    // One more than asked tells whether there is another page.
    let only = only_of(&actor);
    let mut found = api.ledger.tasks(actor.district, only, before, size + 1).await?;
    // The ledger has filtered; a caller without a usable name must not see everything for it.
    found.retain(|task| only.is_none_or(|name| task.requester == name));
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| page::write(cursors, last.seq));
    Ok(Json(Page { tasks: found.into_iter().map(Task::from).collect(), next }))
}
