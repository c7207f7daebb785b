//! `POST /v1/auth/verify`: is this the password?

use axum::Json;
use axum::extract::State;
use keybell_shared::clock::Millis;
use keybell_shared::ids::AccountId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Caller, check};
use crate::body::JsonBytes;
use crate::parts::Api;
use crate::refusal::Refusal;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    username: String,
    password: SecretString,
}

/// What a right password means.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Let the person in.
    Ok,
    /// Let the person in, to choose a new password first.
    MustChange,
}

/// The answer to a right password.
#[derive(Serialize)]
pub(crate) struct Answer {
    result: Verdict,
    account: AccountId,
    /// Counts every change of the password; a session that was begun under an older one has ended.
    credential_version: i64,
    /// Sessions that began before this moment have ended.
    sessions_valid_after: Option<String>,
}

/// Checks a password for an upstream sign-in page.
pub(crate) async fn verify(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(body): JsonBytes<{ check::MAX_BODY }>,
) -> Result<Json<Answer>, Refusal> {
    check::permitted(&actor)?;
    let Question { username, password } = check::read(&body)?;
    let account = check::check(&api, actor.district, &username, &password).await?;
    Ok(Json(Answer {
        result: if account.must_change { Verdict::MustChange } else { Verdict::Ok },
        account: account.account,
        credential_version: account.credential_version,
        sessions_valid_after: account.sessions_valid_after.map(Millis::rfc3339),
    }))
}
