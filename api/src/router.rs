//! The routes. Each room's `routes()` has its handlers with their `#[utoipa::path(…)]`, from which the routes and the
//! description of the API are made at once.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::openapi::{self, Document};
use crate::parts::{Api, ApiParts};
use crate::refusal::Refusal;
use crate::unasked::{self, Operations};
use crate::{
    accounts, apikeys, auth, before, claim, docs, edge, fleet, health, links, plans, tasks, uploads, webhooks,
};

/// All routes of version 1, behind the edge.
pub fn router(parts: ApiParts) -> Router {
    let (routes, generated) = routes().split_for_parts();
    let document = openapi::complete(&generated);
    let operations = Operations::of(&document);
    let page = docs::page(&document).into();
    let json = serde_json::to_vec(&document).unwrap_or_default().into();
    let routes = routes
        .layer(from_fn_with_state(operations, unasked::refuse))
        .fallback(|| async { Refusal::of_status(StatusCode::NOT_FOUND) })
        .with_state(Api::new(parts, Document { json, page }));
    edge::wrap(routes)
}

/// The description of the API (OpenAPI 3.1), as `GET /v1/openapi.json` serves it.
pub fn description() -> Value {
    openapi::complete(routes().get_openapi())
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(before::routes())
        .merge(plans::routes())
        .merge(tasks::routes())
        .merge(uploads::routes())
        .merge(auth::routes())
        .merge(accounts::routes())
        .merge(links::routes())
        .merge(claim::routes())
        .merge(apikeys::routes())
        .merge(webhooks::routes())
        .merge(fleet::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
}
