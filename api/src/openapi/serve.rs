//! `GET /v1/openapi.json`: the description of the API.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

/// The finished document and the page made of it.
pub(crate) struct Document {
    /// JSON.
    pub(crate) json: Bytes,
    /// HTML.
    pub(crate) page: Bytes,
}

/// The route.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(describe))
}

/// This description.
///
/// OpenAPI 3.1, generated from the code that serves the routes. Needs no key.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    operation_id = "getOpenApi",
    tag = "Service",
    security(()),
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json")),
)]
async fn describe(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], api.document.json.clone())
}
