//! Uploads: lists of accounts to be filled in, trial runs of what came back, and starting what was tried out.

mod asked;
mod export;
mod file;
mod result;
mod start;
mod trial;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use file::Reading;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(export::csv))
        .routes(routes!(export::xlsx))
        .routes(routes!(trial::trial))
        .routes(routes!(result::csv))
        .routes(routes!(result::xlsx))
        .routes(routes!(start::start))
}
