//! `POST /v1/auth/change`: the person chooses a new password.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::AccountId;
use keybell_shared::password::{self, Names, PolicyName, normalise};
use keybell_shared::problem::{Problem, ProblemKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::SignInPage;
use super::check;
use super::verify::Verdict;
use crate::body::{self, JsonBytes};
use crate::parts::{Api, WRITER};
use crate::refusal::Refusal;

/// A password to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeQuestion {
    /// As the person typed it; capitals and small letters are the same.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    username: String,
    /// The present password, which may be a temporary one.
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
    /// The one that the person chose.
    #[schema(value_type = String, format = Password, write_only)]
    new_password: SecretString,
}

/// The answer when the password was changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeAnswer {
    result: Verdict,
    account: AccountId,
    /// The version that the change made.
    credential_version: i64,
}

/// Change a password.
///
/// For an upstream sign-in page: the person chooses a new password. The present one is checked as at a sign-in, and the
/// new one against the policy of the account's last reset. Other sessions of the person end. Roles: `application`, `district_admin`.
#[utoipa::path(
    post,
    path = "/v1/auth/change",
    operation_id = "changePassword",
    tag = "Sign-in",
    request_body(
        content = ChangeQuestion, description = "What the person typed",
        example = json!({ "username": "mjones", "password": "Otter-lamp-47", "new_password": "Quite-another-48" }),
    ),
    responses(
        (status = 200, description = "It was changed", body = ChangeAnswer, example = json!({
            "result": "ok", "account": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "credential_version": 3
        })),
        (status = 400, description = "field.control_character"),
        (status = 401, description = "sign_in.refused"),
        (status = 403, description = "sign_in.forbidden password.expired"),
        (status = 409, description = "password.changed_meanwhile"),
        (status = 422, description = "password.blank password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.unchanged"),
        (status = 429, description = "sign_in.throttled"),
        (status = 503, description = "sign_in.busy"),
    ),
)]
pub(crate) async fn change(
    State(api): State<Api>,
    SignInPage(actor): SignInPage,
    JsonBytes(bytes): JsonBytes<{ check::MAX_BODY }>,
) -> Result<Json<ChangeAnswer>, Refusal> {
    check::permitted(&actor)?;
    let ChangeQuestion { username, password, new_password } = body::read_sign_in(&bytes)?;
    let account = check::check(&api, actor.district, &username, &password).await?;
    acceptable(account.policy, &new_password, &password, &account.forbidden)?;
    let hash = api.lane.hash(&new_password).await?;
    if !api.ledger.change_password(WRITER, account.account, account.credential_version, &hash).await? {
        let detail = "the password was changed by somebody else in between; sign in with that one";
        return Err(Problem::new(ProblemKind::Conflict, "password.changed_meanwhile", detail).into());
    }
    Ok(Json(ChangeAnswer {
        result: Verdict::Ok,
        account: account.account,
        credential_version: account.credential_version + 1,
    }))
}

/// Refuses a new password that is the old one, or against the policy that the account's last reset was made under.
fn acceptable(policy: PolicyName, new: &SecretString, old: &SecretString, forbidden: &[String]) -> Result<(), Problem> {
    let (new, old) = (new.expose_secret(), old.expose_secret());
    password::check(policy, new, &Names::new(forbidden))
        .map_err(|rule| Problem::invalid(rule.code(), "new_password", rule.to_string()))?;
    if normalise(new) == normalise(old) {
        return Err(Problem::invalid("password.unchanged", "new_password", "the new password is the old one"));
    }
    Ok(())
}
