//! `GET /v1/precautions`: what whoever starts a bulk reset must have read.

use axum::Json;
use keybell_shared::precautions::{TEXT, VERSION};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;

/// The precautions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Precautions {
    /// What a request sends as its `acknowledgement`.
    #[schema(example = "2026-11")]
    version: &'static str,
    /// To be shown to the person who asks.
    text: &'static str,
}

/// Show the precautions.
///
/// Show the text to the person who asks for a bulk reset, and send its version as the request's `acknowledgement`. A
/// request with an older version is refused.
#[utoipa::path(
    get,
    path = "/v1/precautions",
    operation_id = "getPrecautions",
    tag = "Before",
    responses((
        status = 200, description = "The precautions", body = Precautions,
        example = json!({ "version": "2026-11", "text": "Before a bulk reset\n\n1. Everybody in the selection …" }),
    )),
)]
pub(super) async fn precautions(_caller: Caller) -> Json<Precautions> {
    Json(Precautions { version: VERSION, text: TEXT })
}
