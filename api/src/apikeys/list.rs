//! `GET /v1/keys`: the keys of the district.

use axum::Json;
use axum::extract::State;
use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::ids::ApiKeyId;
use keybell_shared::ports::ledger::KeyView;
use serde::Serialize;
use utoipa::ToSchema;

use super::administrator;
use crate::auth::Caller;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The keys of the district.
#[derive(Serialize, ToSchema)]
pub(crate) struct Keys {
    /// The oldest first.
    keys: Vec<ApiKey>,
}

/// A key, without its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKey {
    id: ApiKeyId,
    /// Its name.
    name: String,
    /// What its holder is.
    role: Role,
    /// The username of the person behind it; `null`: it says of nobody whose it is.
    #[schema(required = true)]
    person: Option<String>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339, UTC; `null` while it is valid.
    #[schema(required = true, format = DateTime)]
    revoked_at: Option<String>,
}

impl From<KeyView> for ApiKey {
    fn from(view: KeyView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            role: view.role,
            person: view.person,
            created_at: view.created_at.rfc3339(),
            revoked_at: view.revoked_at.map(Millis::rfc3339),
        }
    }
}

/// List the keys.
///
/// All keys of the own district, revoked ones included, never with their text. Role: `district_admin`.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "listKeys",
    tag = "Keys",
    responses(
        (status = 200, description = "The keys", body = Keys, example = json!({ "keys": [{
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "name": "sis", "role": "application", "person": null,
            "created_at": "2026-11-02T08:00:00Z", "revoked_at": null
        }] })),
        (status = 403, description = "role.forbidden"),
    ),
)]
pub(super) async fn list(State(api): State<Api>, Caller(actor): Caller) -> Result<Json<Keys>, Refusal> {
    administrator(&actor)?;
    let keys = api.ledger.keys(actor.district).await?.into_iter().map(ApiKey::from).collect();
    Ok(Json(Keys { keys }))
}
