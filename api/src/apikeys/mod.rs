//! API keys of the own district, for its administrators.

mod create;
mod list;
mod revoke;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::problem::{Problem, ProblemKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(create::create, list::list)).routes(routes!(revoke::revoke))
}

fn administrator(actor: &Actor) -> Result<(), Problem> {
    if actor.role == Role::DistrictAdmin {
        return Ok(());
    }
    let detail = format!("keys are the business of district administrators; this key has the role `{}`", actor.role);
    Err(Problem::new(ProblemKind::Forbidden, "role.forbidden", detail))
}
