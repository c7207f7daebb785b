//! `POST /v1/links/verify`: whom is this link for?

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::AccountId;
use keybell_shared::request::PolicyName;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MAX_BODY, own};
use crate::auth::{SignInPage, permitted};
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// A link to be looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkQuestion {
    /// The token in the link.
    #[schema(value_type = String, format = Password, write_only)]
    token: SecretString,
}

/// Whom a link is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    account: AccountId,
    /// As the roster writes it.
    username: String,
    /// The person's given name; may be empty.
    given_name: String,
    /// The district's name.
    district: String,
    /// The rules that the new password must obey.
    policy: PolicyName,
    /// Until when the link is good. RFC 3339, UTC.
    #[schema(format = DateTime)]
    valid_until: String,
}

/// Look at a one-time link.
///
/// For a district's own page: whom is this link for, and which rules must the new password obey? Nothing is used up by
/// it. Roles: `application`, `district_admin`.
#[utoipa::path(
    post,
    path = "/v1/links/verify",
    operation_id = "verifyLink",
    tag = "Sign-in",
    request_body(
        content = LinkQuestion, description = "The token in the link",
        example = json!({ "token": "q1WbT0x5y2nKc8Zr4Vh6LmPj9Ds3Fg7Ha-Eu_IoYtRw" }),
    ),
    responses(
        (status = 200, description = "The link is good", body = LinkView, example = json!({
            "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "username": "mjones", "given_name": "Mia",
            "district": "Lakeside Schools", "policy": "standard", "valid_until": "2026-11-03T08:00:00Z"
        })),
        (status = 403, description = "sign_in.forbidden"),
        (status = 404, description = "link.gone"),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    SignInPage(actor): SignInPage,
    JsonBytes(bytes): JsonBytes<MAX_BODY>,
) -> Result<Json<LinkView>, Refusal> {
    permitted(&actor)?;
    let LinkQuestion { token } = body::read_sign_in(&bytes)?;
    let (_, holder) = own(&api, &actor, &token).await?;
    Ok(Json(LinkView {
        account: holder.account,
        username: holder.username,
        given_name: holder.given_name,
        district: holder.district_name,
        policy: holder.policy,
        valid_until: holder.valid_until.rfc3339(),
    }))
}
