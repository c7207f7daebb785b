//! `DELETE /v1/keys/{id}`: revokes a key.

use axum::extract::State;
use axum::http::StatusCode;
use keybell_shared::ids::ApiKeyId;
use keybell_shared::problem::{Problem, ProblemKind};

use super::administrator;
use crate::auth::Caller;
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// Revoke a key.
///
/// It is refused from the next request on, and its event streams end within seconds. A key cannot revoke itself, so
/// that nobody is locked out by mistake. Role: `district_admin`.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    operation_id = "revokeKey",
    tag = "Keys",
    params(("id" = inline(ApiKeyId), Path, description = "The key's id")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "key.own"),
    ),
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Refusal> {
    administrator(&actor)?;
    if actor.key == Some(id) {
        let detail = "a key cannot revoke itself; use another administrator's key, or the command line";
        return Err(Problem::new(ProblemKind::Conflict, "key.own", detail).into());
    }
    if !api.ledger.revoke_key(&actor, id).await? {
        return Err(Problem::not_found("key").into());
    }
    tracing::info!(%id, by = ?actor.name, "API key revoked");
    Ok(StatusCode::NO_CONTENT)
}
