//! One-time links for districts with a page of their own. Tokens come in bodies, never in URLs, which are logged by
//! everybody on the way.

mod redeem;
mod verify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;
use crate::refusal::Refusal;
use axum::http::StatusCode;
use keybell_shared::actor::Actor;
use keybell_shared::ports::ledger::LinkHolder;
use secrecy::{ExposeSecret as _, SecretString};

use crate::claim::find;

/// The largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(verify::verify)).routes(routes!(redeem::redeem))
}

/// Whom a token is for, if that is somebody of the caller's district. Unknown, used, expired and foreign ones are the same.
async fn own(api: &Api, actor: &Actor, token: &SecretString) -> Result<(String, LinkHolder), Refusal> {
    let found = find(api, token.expose_secret()).await?;
    found.filter(|(_, holder)| holder.district == actor.district).ok_or_else(gone)
}

fn gone() -> Refusal {
    let detail = "there is no such link, or it was used, or its time is over; the person needs a new one";
    Refusal::with_status(StatusCode::NOT_FOUND, "link.gone", detail)
}
