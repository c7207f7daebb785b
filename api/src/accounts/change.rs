//! `PATCH /v1/accounts/{id}`: what an administrator says of an account.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{Managed, Marks};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use utoipa::ToSchema;

use super::view::Account;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// The largest body.
const MAX_BODY: usize = 16 * 1024;

/// What changes; a member that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub(crate) struct AccountChange {
    /// Whether it is left out of resets unless that is confirmed: break-glass and service accounts.
    #[serde(default)]
    protected: Option<bool>,
    /// Whether it never registered a password.
    #[serde(default)]
    quick_login: Option<bool>,
    /// The outside identity provider that manages it, where the roster does not say so: then it is never reset here. `null`
    /// takes that back.
    #[serde(default, deserialize_with = "managed")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100,
        pattern = r"^[^\s\p{C}]([^\p{C}]*[^\s\p{C}])?$", example = "clever")]
    managed_by: Option<Managed>,
}

/// A member that is there and null says something else than one that is left out.
fn managed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Managed>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.map_or(Managed::Unsaid, Managed::By)))
}

/// Mark an account.
///
/// The roster does not say these facts, and no import changes them. The audit keeps who changed what. Role:
/// `district_admin`.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{id}",
    operation_id = "changeAccount",
    tag = "Accounts",
    params(("id" = inline(AccountId), Path, description = "The account's id")),
    request_body(content = AccountChange, description = "What changes", example = json!({ "protected": true })),
    responses(
        (status = 200, description = "The account", body = Account, example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "roster_id": "u-1", "username": "rescue",
            "given_name": "Rescue", "family_name": "Account", "role": "administrator", "grade": null,
            "graduation_year": null, "school": null, "managed_by": null, "active": true, "protected": true,
            "quick_login": false
        })),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "accounts.managed_by_roster"),
        (status = 422, description = "accounts.nothing_to_change accounts.provider"),
    ),
)]
pub(super) async fn change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<AccountId>,
    JsonBytes(bytes): JsonBytes<MAX_BODY>,
) -> Result<Json<Account>, Refusal> {
    let AccountChange { protected, quick_login, managed_by } = body::read(&bytes, || json!({}))?;
    let marked = api.intake.mark(&actor, id, Marks { protected, quick_login, managed: managed_by }).await?;
    tracing::info!(account = %id, by = ?actor.name, "account marked");
    Ok(Json(marked.into()))
}
