//! Who calls, and checking people's passwords for upstream sign-in pages.

mod caller;
mod change;
mod check;
mod lane;
mod verify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use caller::{Caller, SignInPage};
pub(crate) use check::permitted;
pub(crate) use lane::{Lane, Stored};

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(verify::verify)).routes(routes!(change::change))
}
