//! Keybell's own page behind a one-time link: where a person chooses a new password.
//!
//! Looking at the page changes nothing, however often it is looked at: programs that scan mails open links too. The token
//! stands in the path, so the page says to no other host where it was, is kept by nobody, and the access log shows the
//! route's pattern only.

mod choose;
mod form;
mod html;
mod page;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use keybell_shared::password::normalise;
use keybell_shared::ports::ledger::LinkHolder;
use secrecy::ExposeSecret as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;
use crate::refusal::Refusal;

pub(crate) use choose::{Choice, choose, find};
use form::Typed;
use page::Faults;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(show, take))
}

/// The page of a one-time link.
///
/// Where a person who was sent a one-time link chooses a new password. For people, not for programs; needs no key. A
/// district with a page of its own uses `POST /v1/links/verify` and `POST /v1/links/redeem` instead.
#[utoipa::path(
    get,
    path = "/claim/{token}",
    operation_id = "showClaimPage",
    tag = "Sign-in",
    security(()),
    params(("token" = String, Path, description = "The token of the link")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html; charset=utf-8"),
        (status = 404, description = "The link is unknown, used or expired", body = String,
            content_type = "text/html; charset=utf-8"),
        (status = 503, description = "Try again later", body = String, content_type = "text/html; charset=utf-8"),
    ),
)]
async fn show(State(api): State<Api>, token: Result<Path<String>, PathRejection>) -> Response {
    match holder(&api, token.as_deref().ok()).await {
        Ok(Some((_, holder))) => page::form(StatusCode::OK, &holder, &Faults::default()),
        Ok(None) => page::gone(),
        Err(refusal) => page::later(&refusal),
    }
}

/// Choose a password on the page of a one-time link.
///
/// What the page's form sends: the new password, twice.
#[utoipa::path(
    post,
    path = "/claim/{token}",
    operation_id = "sendClaimPage",
    tag = "Sign-in",
    security(()),
    params(("token" = String, Path, description = "The token of the link")),
    request_body(content = form::ClaimForm, content_type = "application/x-www-form-urlencoded",
        description = "The new password, twice"),
    responses(
        (status = 200, description = "The password is set", body = String, content_type = "text/html; charset=utf-8"),
        (status = 400, description = "The form cannot be read", body = String, content_type = "text/html; charset=utf-8"),
        (status = 404, description = "The link is unknown, used or expired", body = String,
            content_type = "text/html; charset=utf-8"),
        (status = 413, description = "The form is too large", body = String, content_type = "text/html; charset=utf-8"),
        (status = 415, description = "This is no form", body = String, content_type = "text/html; charset=utf-8"),
        (status = 422, description = "The password does not fit; the page says why", body = String,
            content_type = "text/html; charset=utf-8"),
        (status = 503, description = "Try again later", body = String, content_type = "text/html; charset=utf-8"),
    ),
)]
async fn take(State(api): State<Api>, token: Result<Path<String>, PathRejection>, request: Request<Body>) -> Response {
    let typed = match form::read(request).await {
        Ok(typed) => typed,
        Err(refusal) => return page::unreadable(&refusal),
    };
    match taken(&api, token.as_deref().ok(), typed).await {
        Ok(page) => page,
        Err(refusal) => page::later(&refusal),
    }
}

async fn taken(api: &Api, token: Option<&String>, typed: Typed) -> Result<Response, Refusal> {
    let Some((hash, holder)) = holder(api, token).await? else { return Ok(page::gone()) };
    let Typed { password, again } = typed;
    let mut faults = Faults::default();
    if normalise(password.expose_secret()) != normalise(again.expose_secret()) {
        faults.again = Some("The two passwords are not the same. Type the same password twice.".to_owned());
    }
    match choose(api, &holder, &hash, &password, faults.again.is_none()).await? {
        Choice::Done(_) => return Ok(page::done(&holder)),
        Choice::Gone => return Ok(page::gone()),
        Choice::Fits => {}
        Choice::Refused(problem) => faults.password = Some(page::sentence(&problem.detail)),
    }
    Ok(page::form(StatusCode::UNPROCESSABLE_ENTITY, &holder, &faults))
}

/// Whom the link in a path is for, with the hash of its token.
async fn holder(api: &Api, token: Option<&String>) -> Result<Option<(String, LinkHolder)>, Refusal> {
    let Some(token) = token else { return Ok(None) };
    find(api, token).await
}
