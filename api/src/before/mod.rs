//! What to know before a bulk reset: the precautions, the legend of codes, the formats of passwords, and a trial run.

mod formats;
mod legend;
mod precautions;
mod preview;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use preview::Left;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(precautions::precautions))
        .routes(routes!(legend::legend))
        .routes(routes!(formats::formats))
        .routes(routes!(preview::preview))
}
