//! The caller of a request, by API key.

use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use keybell_shared::actor::Actor;
use keybell_shared::problem::{Problem, ProblemKind};

use crate::edge::Peer;
use crate::keys::{self, Presented};
use crate::limit::Asked;
use crate::parts::Api;
use crate::refusal::Refusal;

/// An authenticated caller.
pub(crate) struct Caller(pub(crate) Actor);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        authenticate(parts, api, Asked::Anything).await.map(Self)
    }
}

/// An authenticated sign-in page; what it asks is limited apart from everything else.
pub(crate) struct SignInPage(pub(crate) Actor);

impl FromRequestParts<Api> for SignInPage {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        authenticate(parts, api, Asked::SignIn).await.map(Self)
    }
}

async fn authenticate(parts: &Parts, api: &Api, asked: Asked) -> Result<Actor, Refusal> {
    // The command line, within this process, has said who asks. Nothing that comes over a socket can.
    if let Some(actor) = parts.extensions.get::<Actor>() {
        return Ok(actor.clone());
    }
    let presented = presented(&parts.headers).ok_or_else(refused)?;
    let mark = presented.mark();
    // Without an address the request did not come over a socket.
    if let Some(ConnectInfo(Peer(address))) = parts.extensions.get::<ConnectInfo<Peer>>() {
        api.limits.stranger(*address, &mark).map_err(|wait| too_often(GUESSING, wait))?;
    }
    // Asked anew for each request, so that a revoked key ends at once.
    let found = api.ledger.key(presented.id).await?.filter(|(secret_hash, _)| presented.matches(secret_hash));
    let Some((_, actor)) = found else {
        api.limits.wrong(&mark);
        return Err(refused());
    };
    api.limits.right(presented.id, mark, asked).map_err(|wait| too_often(RATE, wait))?;
    Ok(actor)
}

const RATE: (&str, &str) = ("rate.limited", "this key makes requests too fast; wait as `Retry-After` says");
const GUESSING: (&str, &str) =
    ("key.throttled", "too many unknown keys came from your address; wait as `Retry-After` says");

fn too_often((code, detail): (&'static str, &str), wait: Duration) -> Refusal {
    Refusal::from(Problem::new(ProblemKind::Throttled, code, detail)).retry_after(wait)
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
