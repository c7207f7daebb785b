//! `POST /v1/auth/change`: the person chooses a new password.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::AccountId;
use keybell_shared::password::{self, normalise};
use keybell_shared::problem::{Problem, ProblemKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::verify::Verdict;
use super::{Caller, check};
use crate::body::JsonBytes;
use crate::parts::{Api, WRITER};
use crate::refusal::Refusal;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    username: String,
    password: SecretString,
    new_password: SecretString,
}

/// The answer when the password was changed.
#[derive(Serialize)]
pub(crate) struct Answer {
    result: Verdict,
    account: AccountId,
    /// The version that the change made.
    credential_version: i64,
}

/// Changes a password for an upstream sign-in page. The old one is checked as at a sign-in.
pub(crate) async fn change(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(body): JsonBytes<{ check::MAX_BODY }>,
) -> Result<Json<Answer>, Refusal> {
    check::permitted(&actor)?;
    let Question { username, password, new_password } = check::read(&body)?;
    let account = check::check(&api, actor.district, &username, &password).await?;
    acceptable(&new_password, &password, &account.forbidden)?;
    let hash = api.lane.hash(&new_password).await?;
    if !api.ledger.change_password(WRITER, account.account, account.credential_version, &hash).await? {
        let detail = "the password was changed by somebody else in between; sign in with that one";
        return Err(Problem::new(ProblemKind::Conflict, "password.changed_meanwhile", detail).into());
    }
    Ok(Json(Answer {
        result: Verdict::Ok,
        account: account.account,
        credential_version: account.credential_version + 1,
    }))
}

/// Refuses a new password that is the old one or against the policy.
fn acceptable(new: &SecretString, old: &SecretString, forbidden: &[String]) -> Result<(), Problem> {
    let (new, old) = (new.expose_secret(), old.expose_secret());
    password::check(new, forbidden).map_err(|rule| Problem::invalid(rule.code(), "new_password", rule.to_string()))?;
    if normalise(new) == normalise(old) {
        return Err(Problem::invalid("password.unchanged", "new_password", "the new password is the old one"));
    }
    Ok(())
}
