//! Tasks: starting, listing, looking at, following and controlling them, and their reports.

mod approve;
mod codes;
mod control;
mod events;
mod follow;
mod idempotency;
mod items;
mod list;
mod reissue;
mod report;
mod resend;
mod scope;
mod show;
mod start;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use idempotency::key as idempotency_key;
pub(crate) use start::{Accepted, accepted, refusal};
pub(crate) use view::TaskEvent;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(start::start, list::list))
        .routes(routes!(show::show))
        .routes(routes!(items::items))
        .routes(routes!(codes::codes))
        .routes(routes!(events::events))
        .routes(routes!(approve::approve))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::cancel))
        .routes(routes!(resend::resend))
        .routes(routes!(reissue::reissue))
        .merge(report::routes())
}
