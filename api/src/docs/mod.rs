//! `GET /docs`: the description of the API as a page for people, made here from the OpenAPI document. One page, no
//! script, nothing from outside.

mod html;
mod markdown;
mod page;
mod schema;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) use html::escape;
pub(crate) use page::page;

/// Nothing from anywhere, and no script; only the style that stands in the page itself.
const ONLY_OURS: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The route.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(docs))
}

/// This description, for people.
///
/// A page without scripts and without anything from another host. Needs no key.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getDocs",
    tag = "Service",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html; charset=utf-8")),
)]
async fn docs(State(api): State<Api>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, ONLY_OURS),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, api.document.page.clone())
}
