//! `GET /v1/plans/{id}/items?fate=&after=&limit=`: a plan's people.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::{AccountId, PlanId};
use keybell_shared::ports::ledger::{Fate, PlanFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::PlannedAccount;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::path::Id;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only accounts with this fate: `reset`, `unreachable` or `skipped`.
    #[param(value_type = String, required = false, pattern = "^(reset|unreachable|skipped)$", example = "unreachable")]
    fate: Option<String>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[0-9a-f]{40}$")]
    after: Option<String>,
    /// How many on a page: 1 to 200; more is brought down to 200.
    #[param(value_type = u64, required = false, minimum = 1, default = 50, example = 50)]
    limit: Option<String>,
}

/// One page.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlannedPage {
    /// In the order of the accounts' ids.
    items: Vec<PlannedAccount>,
    /// The `after` of the next page; `null` on the last one.
    #[schema(required = true, pattern = "^[0-9a-f]{40}$")]
    next: Option<String>,
}

/// List a plan's people.
///
/// Everybody whom the plan means, with what would happen to them: whom nobody could be told about (`unreachable`), and who
/// would be left as they are (`skipped`), with the code that says why.
#[utoipa::path(
    get,
    path = "/v1/plans/{id}/items",
    operation_id = "listPlannedAccounts",
    tag = "Before",
    params(("id" = inline(PlanId), Path, description = "The plan's id"), Asked),
    responses(
        (status = 200, description = "A page of people", body = PlannedPage, example = json!({
            "items": [{
                "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "username": "mjones", "given_name": "Mary",
                "family_name": "Jones", "fate": "skipped", "code": "S03", "meaning": "skipped: the account is not active"
            }],
            "next": null
        })),
        (status = 400, description = "query.limit query.cursor query.fate"),
    ),
)]
pub(super) async fn items(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(plan): Id<PlanId>,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<PlannedPage>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let fate = asked.fate.as_deref().map(fate).transpose()?;
    let after =
        asked.after.map(|cursor| page::read_id(List::Plan(plan.0), "after", &cursor)).transpose()?.map(AccountId);
    api.intake.seen_plan(&actor, plan).await?;
    let mut found = api.ledger.plan_items(actor.district, plan, PlanFilter { fate, after }, size + 1).await?;
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| page::write_id(List::Plan(plan.0), last.account.0));
    Ok(Json(PlannedPage { items: found.into_iter().map(PlannedAccount::from).collect(), next }))
}

/// The fate that a word means.
fn fate(word: &str) -> Result<Fate, Refusal> {
    Fate::ALL
        .into_iter()
        .find(|fate| fate.as_str() == word)
        .ok_or_else(|| Refusal::malformed("query.fate", "`fate` is one of reset, unreachable, skipped").at("fate"))
}
