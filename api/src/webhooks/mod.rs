//! Webhook endpoints of the own district: of an administrator all, of an application its own. The scheduler's `Desk`
//! decides; here is only the door.

mod change;
mod create;
mod look;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create::create, look::list))
        .routes(routes!(look::show, change::remove))
        .routes(routes!(change::rotate))
        .routes(routes!(change::enable))
        .routes(routes!(change::test))
}
