//! The caller of a request, by API key.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use keybell_shared::actor::Actor;
use keybell_shared::problem::{Problem, ProblemKind};

use crate::keys::{self, Presented};
use crate::parts::Api;
use crate::refusal::Refusal;

/// An authenticated caller.
pub(crate) struct Caller(pub(crate) Actor);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let presented = presented(&parts.headers).ok_or_else(refused)?;
        // Asked anew for each request, so that a revoked key ends at once.
        let Some((secret_hash, actor)) = api.ledger.key(presented.id).await? else { return Err(refused()) };
        if presented.matches(&secret_hash) { Ok(Self(actor)) } else { Err(refused()) }
    }
}

/// The key in `Authorization: Bearer …`. That there is only one such header was checked at the edge.
fn presented(headers: &HeaderMap) -> Option<Presented> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| keys::parse(key))?
}

/// The same answer for a missing, malformed, unknown, wrong and revoked key.
fn refused() -> Refusal {
    Problem::new(
        ProblemKind::Unauthenticated,
        "key.invalid",
        "send a valid API key as `Authorization: Bearer kb_…`; an administrator can make one",
    )
    .into()
}
