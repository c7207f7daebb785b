//! Reports: outcomes as files for people.

mod csv;
mod pages;
mod xlsx;

use keybell_shared::ports::ledger::ItemFilter;
use keybell_shared::states::ItemState;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::items;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The routes.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(csv::report))
        .routes(routes!(csv::unreachable))
        .routes(routes!(xlsx::report))
        .routes(routes!(xlsx::unreachable))
}

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// Only accounts whose item is in this state.
    #[param(value_type = ItemState, required = false, inline)]
    state: Option<String>,
}

impl Asked {
    /// What the report lets through.
    fn filter(&self) -> Result<ItemFilter, Refusal> {
        let state = self.state.as_deref().map(items::state).transpose()?;
        Ok(ItemFilter { state, ..ItemFilter::default() })
    }
}
