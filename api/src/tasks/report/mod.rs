//! Reports: outcomes as files for people, read page by page from the ledger and never held in memory as a whole.

mod csv;
mod pages;
mod xlsx;

use axum::http::header;
use keybell_shared::ports::ledger::ItemFilter;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::states::ItemState;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::items;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The media type of XLSX files.
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

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

/// The file could not be made, for a reason that is ours.
fn failed(reason: &str) -> Refusal {
    tracing::error!(reason, "a report could not be made");
    Problem::new(ProblemKind::Internal, "export.failed", "the file could not be made; the log says more").into()
}

/// The headers of a file with a plain name.
fn file(media_type: &'static str, name: &str) -> [(header::HeaderName, String); 2] {
    [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ]
}
