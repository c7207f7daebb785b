//! `POST /v1/links/redeem`: the person chooses a password by a one-time link.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::AccountId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MAX_BODY, gone, own};
use crate::auth::{SignInPage, permitted};
use crate::body::{self, JsonBytes};
use crate::claim::{Choice, choose};
use crate::parts::Api;
use crate::refusal::Refusal;

/// A password that is chosen by a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedeemQuestion {
    /// The token in the link.
    #[schema(value_type = String, format = Password, write_only)]
    token: SecretString,
    /// The one that the person chose.
    #[schema(value_type = String, format = Password, write_only)]
    new_password: SecretString,
}

/// The answer when the password was set.
#[derive(Serialize, ToSchema)]
pub(crate) struct RedeemAnswer {
    account: AccountId,
    /// The version that the change made.
    credential_version: i64,
}

/// Use a one-time link.
///
/// For a district's own page: the person chooses a new password. The link is used up by it, and other sessions of the
/// person end; a password that is against the rules uses nothing up. Roles: `application`, `district_admin`.
#[utoipa::path(
    post,
    path = "/v1/links/redeem",
    operation_id = "redeemLink",
    tag = "Sign-in",
    request_body(
        content = RedeemQuestion, description = "The token, and what the person typed",
        example = json!({
            "token": "q1WbT0x5y2nKc8Zr4Vh6LmPj9Ds3Fg7Ha-Eu_IoYtRw", "new_password": "Quite-another-48"
        }),
    ),
    responses(
        (status = 200, description = "The password is set", body = RedeemAnswer, example = json!({
            "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "credential_version": 3
        })),
        (status = 403, description = "sign_in.forbidden"),
        (status = 404, description = "link.gone"),
        (status = 422, description = "password.blank password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.unchanged"),
        (status = 503, description = "sign_in.busy"),
    ),
)]
pub(crate) async fn redeem(
    State(api): State<Api>,
    SignInPage(actor): SignInPage,
    JsonBytes(bytes): JsonBytes<MAX_BODY>,
) -> Result<Json<RedeemAnswer>, Refusal> {
    permitted(&actor)?;
    let RedeemQuestion { token, new_password } = body::read_sign_in(&bytes)?;
    let (hash, holder) = own(&api, &actor, &token).await?;
    match choose(&api, &holder, &hash, &new_password, true).await? {
        Choice::Done(credential_version) => Ok(Json(RedeemAnswer { account: holder.account, credential_version })),
        Choice::Refused(problem) => Err(problem.into()),
        Choice::Gone | Choice::Fits => Err(gone()),
    }
}
