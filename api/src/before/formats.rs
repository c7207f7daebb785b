//! `GET /v1/formats`: the shapes of generated passwords.

use axum::Json;
use keybell_shared::password::{FormatView, Language, PolicyName, catalogue};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::query::Parameters;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only under this policy.
    #[param(required = false, inline, example = "standard")]
    policy: Option<PolicyName>,
    /// Only with words of this language.
    #[param(required = false, inline, example = "en")]
    language: Option<Language>,
}

/// The formats.
#[derive(Serialize, ToSchema)]
pub(crate) struct Formats {
    /// Each format, under each policy, in each language.
    formats: Vec<FormatView>,
}

/// Show the formats of generated passwords.
///
/// Each with an example and its entropy, under each policy and with the words of each language. The entropy is computed from
/// the very lists and rules that passwords are drawn by.
#[utoipa::path(
    get,
    path = "/v1/formats",
    operation_id = "getFormats",
    tag = "Before",
    params(Asked),
    responses((
        status = 200, description = "The formats", body = Formats,
        example = json!({ "formats": [{ "format": "classic", "policy": "standard", "language": "en",
            "example": "Otter-lamp-47", "bits": 27.3, "meant_for": "3–5" }] }),
    )),
)]
pub(super) async fn formats(_caller: Caller, Parameters(asked): Parameters<Asked>) -> Json<Formats> {
    Json(Formats { formats: catalogue(asked.policy, asked.language) })
}
