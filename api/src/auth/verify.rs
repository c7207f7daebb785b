//! `POST /v1/auth/verify`: is this the password?

use axum::Json;
use axum::extract::State;
use keybell_shared::clock::Millis;
use keybell_shared::ids::AccountId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::SignInPage;
use super::check;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// A sign-in to be checked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInQuestion {
    /// As the person typed it; capitals and small letters are the same.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    username: String,
    /// As the person typed it.
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
}

/// What a right password means.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Let the person in.
    Ok,
    /// Let the person in, to choose a new password first.
    MustChange,
}

/// The answer to a right password.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInAnswer {
    result: Verdict,
    account: AccountId,
    /// Counts every change of the password; a session that was begun under an older one has ended.
    credential_version: i64,
    /// Sessions that began before this moment have ended. RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    sessions_valid_after: Option<String>,
}

/// Check a password.
///
/// For an upstream sign-in page: is this the person's password? Every refusal is the same and takes the same time, so
/// that nobody learns which usernames exist. After five wrong passwords in a row, an account waits. Roles:
/// `application`, `district_admin`.
#[utoipa::path(
    post,
    path = "/v1/auth/verify",
    operation_id = "verifySignIn",
    tag = "Sign-in",
    request_body(
        content = SignInQuestion, description = "What the person typed",
        example = json!({ "username": "mjones", "password": "Otter-lamp-47" }),
    ),
    responses(
        (status = 200, description = "It is the password", body = SignInAnswer, example = json!({
            "result": "must_change", "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "credential_version": 2,
            "sessions_valid_after": "2026-11-02T08:00:00Z"
        })),
        (status = 400, description = "field.control_character"),
        (status = 401, description = "sign_in.refused"),
        (status = 403, description = "sign_in.forbidden password.expired"),
        (status = 429, description = "sign_in.throttled"),
        (status = 503, description = "sign_in.busy"),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    SignInPage(actor): SignInPage,
    JsonBytes(bytes): JsonBytes<{ check::MAX_BODY }>,
) -> Result<Json<SignInAnswer>, Refusal> {
    check::permitted(&actor)?;
    let SignInQuestion { username, password } = body::read_sign_in(&bytes)?;
    let account = check::check(&api, actor.district, &username, &password).await?;
    Ok(Json(SignInAnswer {
        result: if account.must_change { Verdict::MustChange } else { Verdict::Ok },
        account: account.account,
        credential_version: account.credential_version,
        sessions_valid_after: account.sessions_valid_after.map(Millis::rfc3339),
    }))
}
