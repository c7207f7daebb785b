//! `GET /v1/tasks/{id}/codes`: how a task's items stand, in numbers.

use axum::Json;
use axum::extract::State;
use keybell_shared::codes::Code;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::CodeCount;
use keybell_shared::states::ItemState;
use serde::Serialize;
use utoipa::ToSchema;

use super::scope::{TaskPath, visible};
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The items of a task, by state and code.
#[derive(Serialize, ToSchema)]
pub(crate) struct Standings {
    /// One entry for each combination that occurs.
    codes: Vec<CodeStanding>,
}

/// Items in one state with one code.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeStanding {
    state: ItemState,
    /// A code of the legend, where the state has one.
    #[schema(required = true)]
    code: Option<Code>,
    /// What the code means.
    #[schema(required = true)]
    meaning: Option<&'static str>,
    /// How many.
    #[schema(minimum = 1)]
    accounts: u64,
}

impl From<CodeCount> for CodeStanding {
    fn from(count: CodeCount) -> Self {
        let CodeCount { state, code, items } = count;
        Self { state, code, meaning: code.map(Code::meaning), accounts: items }
    }
}

/// Count a task's items by code.
///
/// How many accounts stand in which state, and why.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/codes",
    operation_id = "countCodes",
    tag = "Tasks",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses((status = 200, description = "The numbers", body = Standings, example = json!({ "codes": [
        { "state": "notified", "code": "N00", "meaning": "told: the message was accepted for delivery", "accounts": 371 },
        { "state": "skipped", "code": "S03", "meaning": "skipped: the account is not active", "accounts": 7 }
    ] }))),
)]
pub(super) async fn codes(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
) -> Result<Json<Standings>, Refusal> {
    visible(&api, &actor, id).await?;
    let mut counts = api.ledger.codes(actor.district, id).await?;
    counts.sort_by_key(|count| (count.state, count.code));
    Ok(Json(Standings { codes: counts.into_iter().map(CodeStanding::from).collect() }))
}
