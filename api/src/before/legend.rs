//! `GET /v1/codes`: the legend of codes.

use axum::Json;
use keybell_shared::codes::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;

/// The legend.
#[derive(Serialize, ToSchema)]
pub(crate) struct Legend {
    /// Every code that an item can have.
    codes: Vec<Meaning>,
}

/// A code and what it means.
#[derive(Serialize, ToSchema)]
pub(crate) struct Meaning {
    code: Code,
    /// In plain words.
    meaning: &'static str,
}

/// Show the legend of codes.
///
/// Items carry a code that says why they stand where they stand. The words are the same in the reports, in the command
/// line and here.
#[utoipa::path(
    get,
    path = "/v1/codes",
    operation_id = "getCodes",
    tag = "Before",
    responses((
        status = 200, description = "The legend", body = Legend,
        example = json!({ "codes": [{ "code": "S03", "meaning": "skipped: the account is not active" }] }),
    )),
)]
pub(super) async fn legend(_caller: Caller) -> Json<Legend> {
    let codes = Code::ALL.iter().map(|code| Meaning { code: *code, meaning: code.meaning() }).collect();
    Json(Legend { codes })
}
