//! Plans: trial runs that are written down, and started exactly so.

mod apply;
mod items;
mod make;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(make::make))
        .routes(routes!(make::show))
        .routes(routes!(items::items))
        .routes(routes!(apply::apply))
}
